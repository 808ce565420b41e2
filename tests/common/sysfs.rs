//! A planted sysfs: what a device says of its clock and its heat.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

/// Of a board with cpus at 1.5 GHz, a sensor at 45 °C with a passive trip point at 80 °C, a fan, and a cooler of cpus.
pub struct Sysfs {
    dir: TempDir,
}

const FILES: &[(&str, &str)] = &[
    ("class/thermal/thermal_zone0/temp", "45000"),
    ("class/thermal/thermal_zone0/trip_point_0_type", "active"),
    ("class/thermal/thermal_zone0/trip_point_0_temp", "40000"),
    ("class/thermal/thermal_zone0/trip_point_1_type", "critical"),
    ("class/thermal/thermal_zone0/trip_point_1_temp", "110000"),
    ("class/thermal/thermal_zone0/trip_point_2_type", "passive"),
    ("class/thermal/thermal_zone0/trip_point_2_temp", "80000"),
    ("class/thermal/cooling_device0/type", "pwm-fan"),
    ("class/thermal/cooling_device0/cur_state", "1"),
    ("class/thermal/cooling_device1/type", "cpufreq-cpu0"),
    ("class/thermal/cooling_device1/cur_state", "0"),
];

impl Sysfs {
    pub fn new() -> Self {
        let tree = Self { dir: tempfile::tempdir().unwrap() };
        FILES.iter().for_each(|(file, text)| tree.set(file, text));
        (0..64).for_each(|cpu| tree.set(&format!("devices/system/cpu/cpu{cpu}/cpufreq/scaling_cur_freq"), "1500000"));
        tree
    }

    pub fn root(&self) -> &str {
        self.dir.path().to_str().unwrap()
    }

    pub fn at(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    /// Whole or not at all: somebody may be reading.
    pub fn set(&self, file: &str, text: &str) {
        let path = self.at(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let fresh = path.with_extension("fresh");
        fs::write(&fresh, format!("{text}\n")).unwrap();
        fs::rename(&fresh, &path).unwrap();
    }
}
