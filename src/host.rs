//! What a machine is, this one or another: its fingerprint and caches, as its kernel tells them.

use std::collections::{HashMap, HashSet};
use std::fs;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a figure depends on besides the code. Written as `host.toml` beside the records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Host {
    pub name: String,
    pub cpu: String,
    pub microcode: String,
    /// Frequency governor; empty where the kernel does not tell.
    pub governor: String,
    pub kernel: String,
    pub cpus: usize,
    pub caches: Caches,
    pub memory_bytes: u64,
    pub virtualized: bool,
}

/// Data cache sizes in bytes, as one core sees them; 0 where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Caches {
    pub l1: u64,
    pub l2: u64,
    pub l3: u64,
}

impl Caches {
    pub fn last(&self) -> u64 {
        self.l3.max(self.l2).max(self.l1)
    }
}

/// A machine, by the files in which its kernel describes it.
pub struct Machine {
    /// What is in a file, without space at its ends; empty where there is none.
    read: Box<dyn Fn(&str) -> String + Send + Sync>,
}

/// Files that tell what a machine is, as a shell expands them.
pub const FILES: &str = "/proc/cpuinfo /proc/meminfo /proc/self/status /proc/sys/kernel/hostname \
    /proc/sys/kernel/osrelease /proc/device-tree/model /sys/devices/system/cpu/cpu0/cpufreq/scaling_governor \
    /sys/devices/system/cpu/cpu[0-9]*/cache/index*/size /sys/devices/system/cpu/cpu[0-9]*/cache/index*/type \
    /sys/devices/system/cpu/cpu[0-9]*/cache/index*/level /proc/sys/abi/sve_default_vector_length";
/// What stands before the name of a file in a listing of them.
pub const FILE_MARK: &str = "=== ";

/// Cores by `CPU implementer` and `CPU part` (Arm, main ID register).
const CORES: &[(&str, &str)] = &[
    ("0x41 0xd03", "Cortex-A53"),
    ("0x41 0xd05", "Cortex-A55"),
    ("0x41 0xd07", "Cortex-A57"),
    ("0x41 0xd08", "Cortex-A72"),
    ("0x41 0xd0b", "Cortex-A76"),
    ("0x41 0xd0c", "Neoverse N1"),
    ("0x41 0xd40", "Neoverse V1"),
    ("0x41 0xd49", "Neoverse N2"),
    ("0x41 0xd4f", "Neoverse V2"),
];

impl Machine {
    /// The one that this runs on.
    pub fn here() -> Self {
        let read = |path: &str| fs::read_to_string(path).map(|t| tidy(&t)).unwrap_or_default();
        Self { read: Box::new(read) }
    }

    /// One that is emulated on this one, whose caches are not its own.
    pub fn emulated() -> Self {
        let here = Self::here();
        Self { read: Box::new(move |path| if path.contains("/cache/") { String::new() } else { here.text(path) }) }
    }

    /// One whose [`FILES`] were read there: each after a line of [`FILE_MARK`] and its name.
    pub fn told(listing: &str) -> Self {
        let files: HashMap<String, String> = format!("\n{listing}")
            .split(&format!("\n{FILE_MARK}"))
            .filter_map(|file| file.split_once('\n').map(|(name, text)| (name.trim().to_string(), tidy(text))))
            .collect();
        Self { read: Box::new(move |path| files.get(path).cloned().unwrap_or_default()) }
    }

    fn text(&self, path: &str) -> String {
        (self.read)(path)
    }

    /// A field of the last cpu: kernels run there, and processors may have cores of two kinds.
    fn cpuinfo(&self, key: &str) -> String {
        let info = self.text("/proc/cpuinfo");
        let line = info.lines().rev().find(|l| l.split(':').next().map(str::trim) == Some(key));
        line.and_then(|l| l.split_once(':')).map(|(_, v)| v.trim().to_string()).unwrap_or_default()
    }

    /// Feature flags of the CPU, as x86 and ARM kernels tell them; `sve256` where SVE's vectors can have 256 bits.
    pub fn flags(&self) -> HashSet<String> {
        let all = [self.cpuinfo("flags"), self.cpuinfo("Features")].join(" ");
        let bits = 8 * self.text("/proc/sys/abi/sve_default_vector_length").parse::<usize>().unwrap_or(0);
        let lengths = (7..=11).map(|b| 1 << b).filter(|b| *b <= bits).map(|b| format!("sve{b}"));
        all.split_whitespace().map(String::from).chain(lengths).collect()
    }

    fn cpu(&self) -> String {
        let of = |keys: [&str; 3]| keys.map(|key| self.cpuinfo(key)).join(".");
        let (implementer, part) = (self.cpuinfo("CPU implementer"), self.cpuinfo("CPU part"));
        if part.is_empty() {
            return format!("{} ({})", self.cpuinfo("model name"), of(["cpu family", "model", "stepping"]));
        }
        let id = format!("{implementer} {part}");
        let core = CORES.iter().find(|(known, _)| *known == id).map_or(id.as_str(), |(_, name)| name);
        let board = self.text("/proc/device-tree/model");
        let revision = of(["CPU part", "CPU variant", "CPU revision"]);
        format!("{}{core} ({revision})", if board.is_empty() { board } else { board + ", " })
    }

    /// What it is; `caches` where its kernel does not tell them.
    pub fn host(&self, caches: Option<Caches>) -> Host {
        let least = Caches { l1: 32 << 10, l2: 512 << 10, l3: 0 }; // of today's
        let or_unknown = |s: String| if s.is_empty() { "unknown".to_string() } else { s };
        Host {
            name: or_unknown(self.text("/proc/sys/kernel/hostname")),
            cpu: self.cpu(),
            microcode: self.cpuinfo("microcode"),
            governor: self.text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            kernel: self.text("/proc/sys/kernel/osrelease"),
            cpus: self.allowed_cpus().len(),
            caches: self.caches().or(caches).unwrap_or(least),
            memory_bytes: self.memory_bytes(),
            virtualized: self.flags().contains("hypervisor"),
        }
    }

    /// Physical memory; 4 GiB where the kernel does not tell.
    pub fn memory_bytes(&self) -> u64 {
        let info = self.text("/proc/meminfo");
        let total = info.lines().next().and_then(|l| l.split_whitespace().nth(1)?.parse::<u64>().ok());
        total.map_or(4 << 30, |kib| kib << 10)
    }

    /// The cpus a process may run on, in order; cpu 0 where the kernel does not tell.
    pub fn allowed_cpus(&self) -> Vec<usize> {
        let status = self.text("/proc/self/status");
        let list = status.lines().find_map(|l| l.strip_prefix("Cpus_allowed_list:")).unwrap_or("0");
        let range = |part: &str| {
            let (from, to) = part.trim().split_once('-').unwrap_or((part.trim(), part.trim()));
            Some(from.parse::<usize>().ok()?..=to.parse().ok()?)
        };
        list.split(',').filter_map(range).flatten().collect()
    }

    /// The last cpus a process may run on, as many as `threads`: where kernels run, as the first ones serve most interrupts.
    pub fn last_cpus(&self, threads: usize) -> Vec<usize> {
        self.allowed_cpus().into_iter().rev().take(threads).collect()
    }

    /// What a harness may take, in whole MiB: room for every packing of a large layer and its cold copies, never the whole
    /// machine.
    pub fn harness_bytes(&self) -> u64 {
        (self.memory_bytes() / 4 * 3) >> 20 << 20
    }

    /// The options of a harness: what it may take, and where it runs.
    pub fn harness_options(&self, threads: usize) -> [String; 4] {
        let list: Vec<String> = self.last_cpus(threads).iter().map(usize::to_string).collect();
        ["--memory".into(), self.harness_bytes().to_string(), "--cpu".into(), list.join(",")]
    }

    fn caches(&self) -> Option<Caches> {
        let mut caches = Caches::default();
        // of the last cpu: kernels run there, and on hybrid processors the first one may be another kind
        let cpu = self.allowed_cpus().last().copied().unwrap_or(0);
        for index in 0..8 {
            let dir = format!("/sys/devices/system/cpu/cpu{cpu}/cache/index{index}");
            let size = self.text(&format!("{dir}/size"));
            let Some(bytes) = size.strip_suffix('K').and_then(|k| k.parse::<u64>().ok()).map(|k| k << 10) else {
                continue;
            };
            match (self.text(&format!("{dir}/type")).as_str(), self.text(&format!("{dir}/level")).as_str()) {
                ("Data" | "Unified", "1") => caches.l1 = bytes,
                ("Unified", "2") => caches.l2 = bytes,
                ("Unified", "3") => caches.l3 = bytes,
                _ => {}
            }
        }
        (caches.l1 > 0).then_some(caches)
    }
}

/// Device trees end their texts with a NUL.
fn tidy(text: &str) -> String {
    text.trim_matches(|c: char| c.is_whitespace() || c == '\0').to_string()
}

impl Host {
    pub fn this() -> Self {
        Machine::here().host(None)
    }

    /// Short name for a machine of this make: what a record's `host` column holds. Records of another fingerprint are
    /// never taken for this machine's.
    pub fn fingerprint(&self) -> String {
        let facts = format!("{}|{}|{}|{}|{:?}", self.cpu, self.microcode, self.governor, self.cpus, self.caches);
        crate::emit::short_hash(facts.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_told_by_its_files() {
        let pi = "=== /proc/cpuinfo\nprocessor\t: 0\nFeatures\t: fp asimd asimddp\nCPU implementer\t: 0x41\n\
            CPU variant\t: 0x4\nCPU part\t: 0xd0b\nCPU revision\t: 1\n\n=== /proc/device-tree/model\n\
            Raspberry Pi 5\0\n=== /proc/self/status\nName:\tcat\nCpus_allowed_list:\t0-3\n\
            === /sys/devices/system/cpu/cpu3/cache/index0/size\n64K\n\
            === /sys/devices/system/cpu/cpu3/cache/index0/type\nData\n\
            === /sys/devices/system/cpu/cpu3/cache/index0/level\n1\n\
            === /proc/sys/abi/sve_default_vector_length\n32\n";
        let machine = Machine::told(pi);
        let host = machine.host(None);
        assert_eq!(host.cpu, "Raspberry Pi 5, Cortex-A76 (0xd0b.0x4.1)");
        assert_eq!((host.cpus, host.caches.l1, host.name.as_str()), (4, 64 << 10, "unknown"));
        let has = |flag: &str| machine.flags().contains(flag);
        assert!(has("asimddp") && has("sve128") && has("sve256") && !has("sve512"));
        assert_eq!(machine.last_cpus(2), [3, 2]);
    }
}
