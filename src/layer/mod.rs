//! Layers and networks: named operations with concrete shapes, from the built-in tables or a user's TOML.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::input;

mod shape;

pub use shape::{Op, Shape};

/// A named operation with a concrete shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Layer {
    /// Network it comes from; `user` for layers given by hand.
    pub network: String,
    pub name: String,
    pub shape: Shape,
    /// Is the output clamped below at 0?
    pub relu: bool,
    /// Times it occurs in its network.
    pub count: usize,
    /// Tensor specs (see [`crate::tensor::Tensor::read`]), where there is real data.
    pub weights: Option<String>,
    pub bias: Option<String>,
    pub activations: Option<String>,
    /// Folder the specs are relative to.
    pub folder: PathBuf,
}

impl Layer {
    /// A layer known by its shape alone.
    pub fn of_shape(name: &str, shape: Shape) -> Self {
        Self {
            network: "user".into(),
            name: name.into(),
            shape,
            relu: false,
            count: 1,
            weights: None,
            bias: None,
            activations: None,
            folder: PathBuf::new(),
        }
    }

    /// Does it name tensors of its own?
    pub fn has_tensors(&self) -> bool {
        self.weights.is_some() || self.bias.is_some() || self.activations.is_some()
    }

    /// `network/name`: the key in every table.
    pub fn key(&self) -> String {
        format!("{}/{}", self.network, self.name)
    }
}

/// An ordered list of layers.
#[derive(Clone, Debug)]
pub struct Network {
    pub name: String,
    pub title: String,
    pub source: String,
    pub layers: Vec<Layer>,
    /// Trained weights and labelled data, where the network has them.
    pub data: Option<NetworkData>,
}

/// What makes a network's accuracy measurable. Files are relative to the network's TOML.
#[derive(Clone, Debug)]
pub struct NetworkData {
    pub weights: String,
    pub samples: String,
    /// Samples are stored as integers; this makes them the network's input.
    pub input_scale: f32,
}

/// The built-in networks: one file and one row each.
pub static NETWORKS: &[(&str, &str)] = &[
    ("digits", include_str!("../networks/digits/digits.toml")),
    ("resnet50", include_str!("../networks/resnet50.toml")),
    ("mobilenetv2", include_str!("../networks/mobilenetv2.toml")),
    ("bert-base", include_str!("../networks/bert-base.toml")),
    ("llama-7b", include_str!("../networks/llama-7b.toml")),
    ("tiny-kws", include_str!("../networks/tiny-kws.toml")),
    ("tiny-ic", include_str!("../networks/tiny-ic.toml")),
    ("tiny-vww", include_str!("../networks/tiny-vww.toml")),
    ("tiny-ad", include_str!("../networks/tiny-ad.toml")),
];

/// What else networks are known as; `_` may stand for `-` in all names.
pub static ALIASES: &[(&str, &str)] = &[("ds-cnn", "tiny-kws")];

/// The bytes of files that belong to built-in networks.
pub fn built_in_file(name: &str) -> Option<&'static [u8]> {
    match name {
        "digits.safetensors" => Some(include_bytes!("../networks/digits/digits.safetensors")),
        "digits-data.safetensors" => Some(include_bytes!("../networks/digits/digits-data.safetensors")),
        _ => None,
    }
}

impl Network {
    /// A built-in network, by its name or an alias of it.
    pub fn built_in(name: &str) -> Result<Self> {
        let hyphened = name.replace('_', "-");
        let of_alias = ALIASES.iter().find(|(alias, _)| *alias == hyphened).map(|(_, name)| *name);
        let wanted = of_alias.unwrap_or(&hyphened);
        let (name, text) = NETWORKS.iter().find(|(n, _)| *n == wanted).ok_or_else(|| {
            let names: Vec<_> = NETWORKS.iter().map(|(n, _)| format!("{n}{}", Self::also(n))).collect();
            anyhow!("unknown network `{name}`; choose one of {}", names.join(", "))
        })?;
        Self::parse(&format!("{name}.toml"), text, Path::new(""))
    }

    /// The aliases of a built-in network in brackets, with a space before them; empty where it has none.
    pub fn also(name: &str) -> String {
        let aliases: Vec<_> = ALIASES.iter().filter(|(_, n)| *n == name).map(|(alias, _)| *alias).collect();
        if aliases.is_empty() { String::new() } else { format!(" (also {})", aliases.join(", ")) }
    }

    /// A user's file of layers.
    pub fn read(path: &Path) -> Result<Self> {
        let text = input::read_text(path)?;
        let folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
        let file = path.display().to_string();
        let mut network = Self::parse(&file, &text, &folder)?;
        if network.data.is_some() {
            return Err(input::bad_field(
                &file,
                &text,
                0,
                "weights",
                "is for built-in networks; name each layer's tensors",
            ));
        }
        if network.name.is_empty() {
            network.name = path.file_stem().map_or("user".into(), |s| s.to_string_lossy().into_owned());
            network.layers.iter_mut().for_each(|l| l.network = network.name.clone());
        }
        Ok(network)
    }

    /// Parses a network file; the schema is in `docs/formats.md`.
    pub fn parse(file: &str, text: &str, folder: &Path) -> Result<Self> {
        let raw: FileWire = input::parse_toml(file, text)?;
        let mut layers: Vec<Layer> = Vec::with_capacity(raw.layer.len());
        for entry in &raw.layer {
            let at = entry.span().start;
            let layer = entry.get_ref().layer(&raw.name, folder).map_err(|e| {
                // messages begin with the field they are about, where there is one
                let message = e.to_string();
                let field = message.split(' ').next().filter(|f| LayerWire::FIELDS.contains(f)).unwrap_or("op");
                input::bad_field(file, text, at, field, &format!("layer `{}`: {message}", entry.get_ref().name))
            })?;
            if layers.iter().any(|l| l.name == layer.name) {
                return Err(input::bad_field(file, text, at, "name", &format!("`{}` is used twice", layer.name)));
            }
            layers.push(layer);
        }
        if layers.is_empty() {
            bail!("{file}: has no [[layer]]");
        }
        let data = raw.weights.map(|weights| NetworkData {
            weights,
            samples: raw.data.unwrap_or_default(),
            input_scale: raw.input_scale.unwrap_or(1.0),
        });
        Ok(Self { name: raw.name, title: raw.title, source: raw.source, layers, data })
    }

    /// Multiply-accumulates of one run.
    pub fn macs(&self) -> u64 {
        self.layers.iter().map(|l| l.shape.macs() * l.count as u64).sum()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileWire {
    #[serde(default)]
    name: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    source: String,
    weights: Option<String>,
    data: Option<String>,
    input_scale: Option<f32>,
    #[serde(rename = "metric")]
    _metric: Option<String>,
    #[serde(rename = "classes")]
    _classes: Option<usize>,
    #[serde(rename = "license")]
    _license: Option<String>,
    #[serde(rename = "attribution")]
    _attribution: Option<String>,
    layer: Vec<toml::Spanned<LayerWire>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Pad {
    All(usize),
    Each([usize; 4]),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LayerWire {
    name: String,
    op: Op,
    m: Option<usize>,
    n: Option<usize>,
    k: Option<usize>,
    h: Option<usize>,
    w: Option<usize>,
    c: Option<usize>,
    f: Option<usize>,
    kh: Option<usize>,
    kw: Option<usize>,
    stride: Option<usize>,
    pad: Option<Pad>,
    #[serde(default)]
    relu: bool,
    #[serde(default = "one")]
    count: usize,
    weights: Option<String>,
    bias: Option<String>,
    activations: Option<String>,
}

fn one() -> usize {
    1
}

impl LayerWire {
    const FIELDS: [&str; 13] = ["name", "count", "m", "n", "k", "h", "w", "c", "f", "kh", "kw", "stride", "pad"];

    /// A field that the operation does not have would be silently ignored: a mistake.
    fn refuse(&self, fields: &[(&str, bool)]) -> Result<()> {
        let given = fields.iter().find(|(_, given)| *given);
        given.map_or(Ok(()), |(name, _)| Err(anyhow!("{name} is no field of {}; remove it", self.op.name())))
    }

    fn refuse_others(&self) -> Result<()> {
        if matches!(self.op, Op::Gemm | Op::Gemv) {
            let conv = [("h", self.h), ("w", self.w), ("c", self.c), ("f", self.f), ("kh", self.kh), ("kw", self.kw)];
            self.refuse(&conv.map(|(n, v)| (n, v.is_some())))?;
            self.refuse(&[("stride", self.stride.is_some()), ("pad", self.pad.is_some())])
        } else {
            self.refuse(&[("m", self.m.is_some()), ("n", self.n.is_some()), ("k", self.k.is_some())])
        }
    }

    fn layer(&self, network: &str, folder: &Path) -> Result<Layer> {
        ensure!(
            !self.name.is_empty() && !self.name.contains([',', '"', '\n']),
            "name must not be empty or hold , or \""
        );
        ensure!(self.count > 0, "count is 0; it must be at least 1");
        Ok(Layer {
            network: network.into(),
            name: self.name.clone(),
            shape: self.shape()?,
            relu: self.relu,
            count: self.count,
            weights: self.weights.clone(),
            bias: self.bias.clone(),
            activations: self.activations.clone(),
            folder: folder.into(),
        })
    }

    fn shape(&self) -> Result<Shape> {
        self.refuse_others()?;
        let need =
            |name: &str, v: Option<usize>| v.ok_or_else(|| anyhow!("{name} is missing; {} needs it", self.op.name()));
        match self.op {
            Op::Gemm => Shape::gemm(need("m", self.m)?, need("n", self.n)?, need("k", self.k)?),
            Op::Gemv => {
                ensure!(self.m.unwrap_or(1) == 1, "m is not 1; use op = \"gemm\"");
                Shape::gemm(1, need("n", self.n)?, need("k", self.k)?)
            }
            Op::Conv2d | Op::Depthwise => {
                let input = [need("h", self.h)?, need("w", self.w)?, need("c", self.c)?];
                let f = if self.op == Op::Depthwise { input[2] } else { need("f", self.f)? };
                ensure!(
                    self.op == Op::Conv2d || self.f.is_none_or(|f| f == input[2]),
                    "f is not c; depthwise keeps its channels"
                );
                let pad = match self.pad {
                    None => [0; 4],
                    Some(Pad::All(p)) => [p; 4],
                    Some(Pad::Each(p)) => p,
                };
                let kernel = [need("kh", self.kh)?, need("kw", self.kw)?];
                Shape::conv(self.op, input, f, kernel, self.stride.unwrap_or(1), pad)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_and_mistakes() {
        let conv = Shape::parse_conv("56x56x64x64x3x3s1p1").unwrap();
        assert_eq!((conv.m(), conv.n(), conv.k()), (3136, 64, 576));
        assert_eq!(Shape::parse_gemm("1x10x20").unwrap().op, Op::Gemv);
        for bad in ["0x1x1", "1x2", "axbxc", "99999999999x99999999999x9999999999", "1x2x3x4"] {
            assert!(Shape::parse_gemm(bad).is_err(), "{bad}");
        }
        assert!(Shape::parse_conv("8x8x4x4x9x9").is_err());
        let text =
            "[[layer]]\nname=\"a\"\nop=\"gemm\"\nm=1\nn=2\nk=3\n[[layer]]\nname=\"b\"\nop=\"gemm\"\nm=4\nn=0\nk=3\n";
        let error = Network::parse("u.toml", text, Path::new("")).unwrap_err().to_string();
        assert_eq!(error, "u.toml:11: field `n`: layer `b`: n is 0; every dimension must be at least 1");
    }

    #[test]
    fn built_in_networks_parse() {
        for (name, _) in NETWORKS {
            let network = Network::built_in(name).unwrap();
            assert_eq!(network.name, *name);
            assert!(network.macs() > 0);
        }
        for (alias, name) in ALIASES {
            assert!(NETWORKS.iter().all(|(n, _)| n != alias), "{alias} is a name of its own");
            for alias in [alias.to_string(), alias.replace('-', "_")] {
                assert_eq!(Network::built_in(&alias).unwrap().name, *name);
            }
        }
        let unknown = Network::built_in("ds-cnn2").unwrap_err().to_string();
        assert!(
            unknown.contains("unknown network `ds-cnn2`") && unknown.contains("tiny-kws (also ds-cnn)"),
            "{unknown}"
        );
    }
}
