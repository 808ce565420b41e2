//! What kernels take, by counters that are planted: a package of 20 W.

mod common;

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bitsmith::bench::Bench;
use bitsmith::bench::energy::Meter;
use bitsmith::candidate::{Contract, Regime};
use bitsmith::layer::Shape;
use bitsmith::target::Target;
use common::sysfs::Sysfs;
use common::{Lab, sample};

const WATTS: f64 = 20.0;

#[test]
fn a_kernel_that_runs_alone_takes_what_the_package_says() {
    let tree = Sysfs::new();
    let mut target = Target::find("x86-scalar").unwrap();
    target.runner.sysfs = tree.root().into();
    let lab = Lab::of(target);
    assert_eq!(Meter::of(&lab.device).err().unwrap(), "no /sys/class/powercap (RAPL)");
    tree.set("class/powercap/intel-rapl:0/name", "package-0");
    tree.set("class/powercap/intel-rapl:0/energy_uj", "0");
    tree.set("class/powercap/intel-rapl:0/max_energy_range_uj", "262143328850");
    let meter = Meter::of(&lab.device).unwrap();
    let task = lab.task(Shape::gemm(13, 19, 37).unwrap(), "w8a8", Contract::Int8, true, 1);
    let point = sample(task.space().unwrap().points(), 1, 3).remove(0);
    let mut bench = Bench::new(&lab.device, task, "test/layer", Regime::Hot, 1, Instant::now()).unwrap();
    let (counter, next) = (tree.at("class/powercap/intel-rapl:0/energy_uj"), tree.at("next"));
    let done = AtomicBool::new(false);
    let spent = std::thread::scope(|scope| {
        scope.spawn(|| {
            let begun = Instant::now();
            while !done.load(Ordering::Relaxed) {
                // whole or not at all
                fs::write(&next, format!("{}\n", (begun.elapsed().as_secs_f64() * WATTS * 1e6) as u64)).unwrap();
                fs::rename(&next, &counter).unwrap();
                std::thread::sleep(Duration::from_micros(300));
            }
        });
        // on a machine that does something else beside it, nothing is said
        let spent = (0..60).find_map(|_| bench.energy(&point, &meter).unwrap());
        done.store(true, Ordering::Relaxed);
        spent.expect("never alone")
    });
    let watts = spent.joules / spent.seconds;
    assert!((watts / WATTS - 1.0).abs() < 0.25, "{watts} W of {spent:?}");
    assert!(spent.calls > 1000 && (spent.idle_watts / WATTS - 1.0).abs() < 0.5, "{spent:?}");
    // of a target that is not here there is nothing to read
    let mut far = Target::find("x86-scalar").unwrap();
    far.runner.evidence = bitsmith::target::Evidence::Emulated;
    assert_eq!(Meter::of(&Lab::of(far).device).err().unwrap(), "the target gives no times");
}
