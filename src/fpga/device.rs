//! FPGA devices: what there is on them, and how much of it still routes. Schema: `docs/formats.md`.

use std::path::Path;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use super::fabric::{self, Fabric};
use super::resources::Resources;
use crate::input;

/// One device: `targets/NAME.toml` with `family = "fpga"`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    pub name: String,
    #[serde(default)]
    pub title: String,
    pub family: Family,
    /// A row of [`fabric::FABRICS`].
    pub fabric: String,
    /// As the tools call it.
    pub part: String,
    pub package: String,
    #[serde(default)]
    pub speed: String,
    /// The clock that is asked of place and route; designs may reach less, or more.
    pub clock_mhz: f64,
    /// All that the device has.
    pub total: Resources,
    /// Shares of it that designs may take: more seldom routes.
    pub margin: Margin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    Fpga,
}

/// Shares, above 0 and up to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Margin {
    pub lut: f64,
    pub bram: f64,
    pub dsp: f64,
}

/// The built-in devices: one file and one row each.
pub static DEVICES: &[(&str, &str)] = &[
    ("ecp5-25k", include_str!("../../targets/ecp5-25k.toml")),
    ("ecp5-45k", include_str!("../../targets/ecp5-45k.toml")),
    ("ecp5-85k", include_str!("../../targets/ecp5-85k.toml")),
    ("ice40up5k", include_str!("../../targets/ice40up5k.toml")),
    ("xc7z010", include_str!("../../targets/xc7z010.toml")),
    ("xc7z020", include_str!("../../targets/xc7z020.toml")),
    ("xczu3eg", include_str!("../../targets/xczu3eg.toml")),
    ("xczu7ev", include_str!("../../targets/xczu7ev.toml")),
    ("xcu250", include_str!("../../targets/xcu250.toml")),
];

impl Device {
    /// The device of this name, or of this TOML file; none where the name is no FPGA's.
    /// # Errors
    /// A file that says `family = "fpga"` and is wrong.
    pub fn named(name: &str) -> Result<Option<Self>> {
        if let Some((n, text)) = DEVICES.iter().find(|(n, _)| *n == name) {
            return Self::parse(&format!("{n}.toml"), text).map(Some);
        }
        if !name.ends_with(".toml") {
            return Ok(None);
        }
        let text = input::read_text(Path::new(name))?;
        let family = text.parse::<toml::Table>().ok().and_then(|t| Some(t.get("family")?.as_str()? == "fpga"));
        if family == Some(true) { Self::parse(name, &text).map(Some) } else { Ok(None) }
    }

    /// # Errors
    /// A name that is none, with those that there are.
    pub fn find(name: &str) -> Result<Self> {
        match Self::named(name)? {
            Some(device) => Ok(device),
            None => {
                let names: Vec<_> = DEVICES.iter().map(|(n, _)| *n).collect();
                bail!("no FPGA `{name}`; choose {}, or the path of a .toml file", names.join(", "))
            }
        }
    }

    pub fn all() -> Result<Vec<Self>> {
        DEVICES.iter().map(|(n, text)| Self::parse(&format!("{n}.toml"), text)).collect()
    }

    pub fn parse(file: &str, text: &str) -> Result<Self> {
        let device: Self = input::parse_toml(file, text)?;
        let wrong = |field: &str, problem: &str| Err(input::bad_field(file, text, 0, field, problem));
        if device.name.is_empty() || device.name.contains(|c: char| !c.is_ascii_alphanumeric() && !"-_".contains(c)) {
            return wrong("name", "use letters, digits, - and _");
        }
        if let Err(e) = fabric::find(&device.fabric) {
            return wrong("fabric", &format!("{e:#}"));
        }
        if !(device.clock_mhz > 0.0 && device.clock_mhz <= 2000.0) {
            return wrong("clock_mhz", "say a clock above 0 and up to 2000 MHz");
        }
        if device.total.lut.is_none_or(|n| n == 0) {
            return wrong("lut", "a device without look-up tables computes nothing");
        }
        let shares = [device.margin.lut, device.margin.bram, device.margin.dsp];
        if !shares.iter().all(|s| *s > 0.0 && *s <= 1.0) {
            return wrong("margin", "shares are above 0 and up to 1");
        }
        Ok(device)
    }

    pub fn fabric(&self) -> &'static Fabric {
        fabric::find(&self.fabric).expect("checked when it was parsed")
    }

    /// What designs may take.
    pub fn room(&self) -> Resources {
        let share = |n: Option<u64>, s: f64| n.map(|n| (n as f64 * s).floor() as u64);
        let (t, m) = (&self.total, &self.margin);
        Resources {
            lut: share(t.lut, m.lut),
            ff: share(t.ff, m.lut),
            bram: share(t.bram, m.bram),
            dsp: share(t.dsp, m.dsp),
            uram: share(t.uram, m.bram),
        }
    }

    /// The resource of which a design takes more than it may, in one line; none where it fits.
    pub fn lacks(&self, design: &Resources) -> Option<String> {
        let (room, total) = (self.room(), &self.total);
        let each = Resources::NAMES.iter().zip(design.each()).zip(room.each().into_iter().zip(total.each()));
        let over = each.filter_map(|((name, used), (room, total))| {
            let (used, room) = (used?, room.unwrap_or(0));
            let all = total.unwrap_or(0);
            (used > room).then(|| format!("{used} {name}, of {all} it may take {room}"))
        });
        let over: Vec<String> = over.collect();
        (!over.is_empty()).then(|| over.join("; "))
    }

    /// The share of the room that a design takes of what it takes most of; above 1 it does not fit.
    pub fn share(&self, design: &Resources) -> f64 {
        let pairs = design.each().into_iter().zip(self.room().each());
        let share = pairs.filter_map(|(used, room)| {
            let used = used.filter(|n| *n > 0)? as f64;
            Some(used / room.filter(|n| *n > 0).map_or(0.0, |n| n as f64))
        });
        share.fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_parse_and_mistakes_are_named() {
        let all = Device::all().unwrap();
        assert_eq!(all.len(), DEVICES.len());
        for (device, (name, _)) in all.iter().zip(DEVICES) {
            assert_eq!(device.name, *name);
            assert!(device.room().lut < device.total.lut);
        }
        let zynq = Device::find("xc7z020").unwrap();
        let total = zynq.total.each().map(|n| n.unwrap_or(0));
        assert_eq!(total, [53_200, 106_400, 280, 220, 0]);
        assert_eq!(zynq.room().each().map(|n| n.unwrap_or(0)), [37_240, 74_480, 224, 176, 0]);
        let text = DEVICES[1].1;
        let say = |from: &str, to: &str| Device::parse("d.toml", &text.replace(from, to)).unwrap_err().to_string();
        assert!(
            say("fabric = \"ecp5\"", "fabric = \"ecp6\"").starts_with("d.toml:4: field `fabric`: no fabric `ecp6`; ")
        );
        assert!(say("lut = 0.7", "lut = 1.7").contains("field `margin`"));
        assert!(say("clock_mhz = 125", "clock_mhz = 0").contains("field `clock_mhz`"));
        assert!(say("package", "packaje").contains("unknown field `packaje`"));
        assert!(Device::find("xc9").unwrap_err().to_string().contains("xc7z020"));
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let device = Device::find("ecp5-25k").unwrap();
        let mut design = Resources { lut: Some(1000), dsp: Some(22), ..Resources::default() };
        assert_eq!(device.lacks(&design), None);
        assert_eq!(device.share(&design), 1.0);
        design.dsp = Some(23);
        assert_eq!(device.lacks(&design).unwrap(), "23 DSP, of 28 it may take 22");
        assert!(device.share(&design) > 1.0);
        design.uram = Some(1);
        assert!(device.share(&design).is_infinite() && device.lacks(&design).unwrap().contains("URAM"));
    }
}
