//! Layers and networks: named operations with concrete shapes, from the built-in tables or a user's TOML.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::input;

/// The kind of operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    Gemm,
    Gemv,
    Conv2d,
    Depthwise,
}

impl Op {
    pub const ALL: [Op; 4] = [Op::Gemm, Op::Gemv, Op::Conv2d, Op::Depthwise];

    pub fn name(self) -> &'static str {
        match self {
            Op::Gemm => "gemm",
            Op::Gemv => "gemv",
            Op::Conv2d => "conv2d",
            Op::Depthwise => "depthwise",
        }
    }
}

/// Largest number of elements of any one tensor of a layer.
const MOST_ELEMENTS: u64 = 1 << 31;

/// One problem, every operation written as a convolution over NHWC with a batch of one: gemm [m,k]x[n,k] is a 1x1
/// convolution over m pixels of k channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Shape {
    pub op: Op,
    /// Input height, width, channels.
    pub h: usize,
    pub w: usize,
    pub c: usize,
    /// Output channels.
    pub f: usize,
    /// Window.
    pub kh: usize,
    pub kw: usize,
    pub stride: usize,
    /// Padding before the first row and column; what follows the last is implied by the output's size.
    pub top: usize,
    pub left: usize,
    /// Output height and width.
    pub oh: usize,
    pub ow: usize,
}

impl Shape {
    /// `m` rows of activations, `n` outputs, `k` inputs.
    pub fn gemm(m: usize, n: usize, k: usize) -> Result<Self> {
        let op = if m == 1 { Op::Gemv } else { Op::Gemm };
        Self { op, h: m, w: 1, c: k, f: n, kh: 1, kw: 1, stride: 1, top: 0, left: 0, oh: m, ow: 1 }.checked()
    }

    /// A window of `kernel` over an input of `input` = [h, w, c]; `pad` = [top, left, bottom, right].
    pub fn conv(
        op: Op,
        input: [usize; 3],
        f: usize,
        kernel: [usize; 2],
        stride: usize,
        pad: [usize; 4],
    ) -> Result<Self> {
        let ([h, w, c], [kh, kw], [top, left, bottom, right]) = (input, kernel, pad);
        for (name, value) in [("h", h), ("w", w), ("c", c), ("f", f), ("kh", kh), ("kw", kw), ("stride", stride)] {
            ensure!(value > 0, "{name} is 0; it must be at least 1");
        }
        let narrow = top < kh && bottom < kh && left < kw && right < kw;
        ensure!(narrow, "pad is not smaller than the {kh}x{kw} window");
        let out = |size: usize, before: usize, after: usize, window: usize| {
            let padded = size.checked_add(before + after).filter(|p| *p >= window);
            padded.map(|p| (p - window) / stride + 1).context("the window is larger than the padded input")
        };
        let (oh, ow) = (out(h, top, bottom, kh)?, out(w, left, right, kw)?);
        Self { op, h, w, c, f, kh, kw, stride, top, left, oh, ow }.checked()
    }

    fn checked(self) -> Result<Self> {
        for (name, value) in [("m", self.h), ("n", self.f), ("k", self.c)] {
            ensure!(value > 0, "{name} is 0; every dimension must be at least 1");
        }
        let product = |dims: &[usize]| dims.iter().try_fold(1u64, |p, d| p.checked_mul(*d as u64));
        for (what, dims) in [
            ("input", [self.h, self.w, self.c, 1]),
            ("weights", [self.f, self.kh, self.kw, self.taps_c()]),
            ("output", [self.oh, self.ow, self.f, 1]),
        ] {
            let small = product(&dims).is_some_and(|p| p <= MOST_ELEMENTS);
            ensure!(small, "the {what} would have more than 2^31 elements");
        }
        Ok(self)
    }

    fn taps_c(&self) -> usize {
        if self.op == Op::Depthwise { 1 } else { self.c }
    }

    /// Rows of the equivalent matrix product.
    pub fn m(&self) -> usize {
        self.oh * self.ow
    }
    /// Columns of the equivalent matrix product.
    pub fn n(&self) -> usize {
        self.f
    }
    /// Products summed into one output.
    pub fn k(&self) -> usize {
        self.kh * self.kw * self.taps_c()
    }
    /// Multiply-accumulates of one call.
    pub fn macs(&self) -> u64 {
        self.m() as u64 * self.n() as u64 * self.k() as u64
    }
    /// Elements of the activations.
    pub fn lhs_len(&self) -> usize {
        self.h * self.w * self.c
    }
    /// Shape of the activations, as a user gives them: [m, k] or [h, w, c].
    pub fn lhs_shape(&self) -> Vec<usize> {
        if matches!(self.op, Op::Gemm | Op::Gemv) { vec![self.h, self.c] } else { vec![self.h, self.w, self.c] }
    }
    /// Shape of the weights: [n, k], [f, kh, kw, c] or [c, kh, kw].
    pub fn weights_shape(&self) -> Vec<usize> {
        match self.op {
            Op::Gemm | Op::Gemv => vec![self.f, self.c],
            Op::Conv2d => vec![self.f, self.kh, self.kw, self.c],
            Op::Depthwise => vec![self.c, self.kh, self.kw],
        }
    }
    pub fn weights_len(&self) -> usize {
        self.n() * self.k()
    }
    pub fn out_len(&self) -> usize {
        self.m() * self.n()
    }
    /// Does any window reach outside the input?
    pub fn padded(&self) -> bool {
        let reach = |o: usize, window: usize| (o - 1) * self.stride + window;
        self.top > 0 || self.left > 0 || reach(self.oh, self.kh) > self.h || reach(self.ow, self.kw) > self.w
    }

    /// `MxNxK`.
    pub fn parse_gemm(text: &str) -> Result<Self> {
        let d = dims(text).filter(|d| d.len() == 3).context("expected MxNxK, for example 512x512x512")?;
        Self::gemm(d[0], d[1], d[2])
    }

    /// `HxWxCxFxKHxKW[sS][pP]`.
    pub fn parse_conv(text: &str) -> Result<Self> {
        let what = "expected HxWxCxFxKHxKW[sS][pP], for example 56x56x64x64x3x3s1p1";
        let (rest, pad) = text.split_once('p').map_or((text, "0"), |(r, p)| (r, p));
        let (rest, stride) = rest.split_once('s').map_or((rest, "1"), |(r, s)| (r, s));
        let d = dims(rest).filter(|d| d.len() == 6).context(what)?;
        let (stride, pad): (usize, usize) = (stride.parse().context(what)?, pad.parse().context(what)?);
        Self::conv(Op::Conv2d, [d[0], d[1], d[2]], d[3], [d[4], d[5]], stride, [pad; 4])
    }
}

fn dims(text: &str) -> Option<Vec<usize>> {
    text.split('x').map(|d| d.parse().ok()).collect()
}

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
    ("digits", include_str!("networks/digits/digits.toml")),
    ("resnet50", include_str!("networks/resnet50.toml")),
    ("mobilenetv2", include_str!("networks/mobilenetv2.toml")),
    ("bert-base", include_str!("networks/bert-base.toml")),
    ("llama-7b", include_str!("networks/llama-7b.toml")),
    ("tiny-kws", include_str!("networks/tiny-kws.toml")),
    ("tiny-ic", include_str!("networks/tiny-ic.toml")),
    ("tiny-vww", include_str!("networks/tiny-vww.toml")),
    ("tiny-ad", include_str!("networks/tiny-ad.toml")),
];

/// The bytes of files that belong to built-in networks.
pub fn built_in_file(name: &str) -> Option<&'static [u8]> {
    match name {
        "digits.safetensors" => Some(include_bytes!("networks/digits/digits.safetensors")),
        "digits-data.safetensors" => Some(include_bytes!("networks/digits/digits-data.safetensors")),
        _ => None,
    }
}

impl Network {
    /// A built-in network.
    pub fn built_in(name: &str) -> Result<Self> {
        let row = NETWORKS.iter().find(|(n, _)| *n == name).ok_or_else(|| {
            let names: Vec<_> = NETWORKS.iter().map(|(n, _)| *n).collect();
            anyhow!("unknown network `{name}`; choose one of {}", names.join(", "))
        })?;
        Self::parse(&format!("{name}.toml"), row.1, Path::new(""))
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
    }
}
