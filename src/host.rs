//! What this machine is: its fingerprint and caches, as the kernel tells them.

use std::collections::HashSet;
use std::fs;

use serde::{Deserialize, Serialize};

/// What a figure depends on besides the code. Written as `host.toml` beside the records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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

fn text(path: &str) -> String {
    fs::read_to_string(path).map(|t| t.trim().to_string()).unwrap_or_default()
}

fn cpuinfo(key: &str) -> String {
    let info = text("/proc/cpuinfo");
    let line = info.lines().find(|l| l.split(':').next().map(str::trim) == Some(key));
    line.and_then(|l| l.split_once(':')).map(|(_, v)| v.trim().to_string()).unwrap_or_default()
}

/// Feature flags of this CPU.
pub fn cpu_flags() -> HashSet<String> {
    cpuinfo("flags").split_whitespace().map(String::from).collect()
}

impl Host {
    pub fn this() -> Self {
        let or_unknown = |s: String| if s.is_empty() { "unknown".to_string() } else { s };
        Self {
            name: or_unknown(text("/proc/sys/kernel/hostname")),
            cpu: or_unknown(format!(
                "{} ({}.{}.{})",
                cpuinfo("model name"),
                cpuinfo("cpu family"),
                cpuinfo("model"),
                cpuinfo("stepping")
            )),
            microcode: cpuinfo("microcode"),
            governor: text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            kernel: text("/proc/sys/kernel/osrelease"),
            cpus: allowed_cpus().len(),
            caches: caches(),
            memory_bytes: memory_bytes(),
            virtualized: cpu_flags().contains("hypervisor"),
        }
    }

    /// Short name for a machine of this make: what a record's `host` column holds. Records of another fingerprint are
    /// never taken for this machine's.
    pub fn fingerprint(&self) -> String {
        let facts = format!("{}|{}|{}|{}|{:?}", self.cpu, self.microcode, self.governor, self.cpus, self.caches);
        crate::emit::short_hash(facts.as_bytes())
    }
}

/// Physical memory; 4 GiB where the kernel does not tell.
pub fn memory_bytes() -> u64 {
    let total = text("/proc/meminfo").lines().next().and_then(|l| l.split_whitespace().nth(1)?.parse::<u64>().ok());
    total.map_or(4 << 30, |kib| kib << 10)
}

/// The cpus this process may run on, in order; cpu 0 where the kernel does not tell.
pub fn allowed_cpus() -> Vec<usize> {
    let status = text("/proc/self/status");
    let list = status.lines().find_map(|l| l.strip_prefix("Cpus_allowed_list:")).unwrap_or("0");
    let range = |part: &str| {
        let (from, to) = part.trim().split_once('-').unwrap_or((part.trim(), part.trim()));
        Some(from.parse::<usize>().ok()?..=to.parse().ok()?)
    };
    list.split(',').filter_map(range).flatten().collect()
}

/// The last cpus this process may run on, as many as `threads`: where kernels run, as the first ones serve most interrupts.
pub fn last_cpus(threads: usize) -> Vec<usize> {
    allowed_cpus().into_iter().rev().take(threads).collect()
}

fn caches() -> Caches {
    let mut caches = Caches { l1: 32 << 10, l2: 512 << 10, l3: 0 }; // where the kernel does not tell: the least of today's
    for index in 0..8 {
        // of the last cpu: kernels run there, and on hybrid processors the first one may be another kind
        let cpu = allowed_cpus().last().copied().unwrap_or(0);
        let dir = format!("/sys/devices/system/cpu/cpu{cpu}/cache/index{index}");
        let size = text(&format!("{dir}/size"));
        let Some(bytes) = size.strip_suffix('K').and_then(|k| k.parse::<u64>().ok()).map(|k| k << 10) else { continue };
        match (text(&format!("{dir}/type")).as_str(), text(&format!("{dir}/level")).as_str()) {
            ("Data" | "Unified", "1") => caches.l1 = bytes,
            ("Unified", "2") => caches.l2 = bytes,
            ("Unified", "3") => caches.l3 = bytes,
            _ => {}
        }
    }
    caches
}
