//! Reports of FPGA tools: what they say is read, what they do not say stays unknown, and no text brings the reader down.

use bitsmith::fpga::fabric;
use bitsmith::fpga::reports::{Report, bambu, csynth, nextpnr, vivado, yosys};
use bitsmith::fpga::resources::Resources;

macro_rules! data {
    ($name:literal) => {
        include_str!(concat!("data/fpga/", $name))
    };
}

fn resources(each: [u64; 5]) -> Resources {
    Resources::of(each.map(Some))
}

fn near(value: Option<f64>, wanted: f64) -> bool {
    value.is_some_and(|v| (v - wanted).abs() < 1e-6 * wanted)
}

#[test]
fn csynth_of_vitis_and_of_vivado() {
    let (vitis, loops) = csynth::parse(data!("csynth-vitis.xml")).unwrap();
    assert_eq!(vitis.resources, resources([2997, 1432, 16, 32, 0]));
    assert!(near(vitis.asked_mhz, 200.0) && near(vitis.fmax_mhz, 1e3 / 3.65));
    assert_eq!((vitis.latency, vitis.interval), ([Some(1029), Some(1033)], [Some(1024), Some(1028)]));
    let loops: Vec<_> = loops.iter().map(|l| (l.name.as_str(), l.trips, l.interval, l.depth)).collect();
    let wanted =
        [("FOLDS", Some(1024), Some(1), Some(5)), ("OUTER", Some(4), None, None), ("INNER", Some(8), Some(2), Some(3))];
    assert_eq!(loops, wanted);
    let (vivado, _) = csynth::parse(data!("csynth-vivado.xml")).unwrap();
    assert_eq!(vivado.resources, Resources { uram: None, ..vitis.resources });
    assert_eq!((vivado.latency, vivado.interval), ([None, None], [Some(1024), None]));
    assert!(near(vivado.fmax_mhz, 1e3 / 8.75));
    // other units, of the document or of the value
    let picoseconds =
        data!("csynth-vitis.xml").replace("<unit>ns</unit>", "<unit>ps</unit>").replace(">3.650<", ">3650<");
    assert!(near(csynth::parse(&picoseconds).unwrap().0.fmax_mhz, 1e3 / 3.65));
    let own = data!("csynth-vitis.xml").replace(">3.650<", ">0.00365 us<");
    assert!(near(csynth::parse(&own).unwrap().0.fmax_mhz, 1e3 / 3.65));
    for odd in [">undef<", ">?<", ">-1<", ">0<", "><", ">3.65 furlongs<", ">inf<", ">NaN<"] {
        assert_eq!(
            csynth::parse(&data!("csynth-vitis.xml").replace(">3.650<", odd)).unwrap().0.fmax_mhz,
            None,
            "{odd}"
        );
    }
    assert!(csynth::parse("<a/>").unwrap_err().to_string().contains("no PerformanceEstimates"));
    assert!(csynth::parse("").unwrap_err().to_string().starts_with("csynth.xml is damaged"));
}

#[test]
fn vivado_counts_tiles_twice_and_takes_slack_off_the_period() {
    let seven = vivado::utilization(data!("utilization-7series.rpt")).unwrap();
    assert_eq!(seven, Resources { uram: None, ..resources([5510, 852, 9, 32, 0]) });
    let ultra = vivado::utilization(data!("utilization-ultrascale.rpt")).unwrap();
    assert_eq!(ultra, resources([1848, 2057, 16, 0, 2]));
    let timing = vivado::timing(data!("timing.rpt")).unwrap();
    assert!(near(timing.asked_mhz, 200.0) && near(timing.fmax_mhz, 1e3 / 5.712));
    assert!(vivado::utilization("nothing").unwrap_err().to_string().contains("no utilization report"));
    let unconstrained = data!("timing.rpt").replace("-0.712", "NA    ");
    assert!(vivado::timing(&unconstrained).unwrap_err().to_string().contains("without a clock"));
    assert!(
        vivado::timing(&data!("timing.rpt").replace("-0.712", "12.000")).unwrap_err().to_string().contains("no sense")
    );
}

#[test]
fn open_tools_and_bambu() {
    let ecp5 = fabric::find("ecp5").unwrap();
    let routed = nextpnr::parse(data!("nextpnr.json"), ecp5).unwrap();
    assert_eq!(routed.resources, resources([1385, 1613, 8, 32, 0]));
    assert_eq!((routed.fmax_mhz, routed.asked_mhz), (Some(103.94), Some(125.0)));
    let no_clock = nextpnr::parse(r#"{"fmax": {}, "utilization": {}}"#, ecp5).unwrap();
    assert_eq!(no_clock.fmax_mhz, None);
    assert!(nextpnr::parse("{}", ecp5).unwrap_err().to_string().contains("no `utilization`"));
    let cells = yosys::parse(data!("stat.json"), ecp5).unwrap();
    assert_eq!(cells, resources([301 + 2 * 54 + 6 * 4, 244, 1, 8, 0]));
    let unmapped = data!("stat.json").replace("\"LUT4\"", "\"$mul\"");
    assert!(yosys::parse(&unmapped, ecp5).unwrap_err().to_string().contains("cell `$mul` is left"));
    let bambu = bambu::parse(data!("bambu.xml")).unwrap();
    assert_eq!(bambu.resources, Resources { uram: None, ..resources([2210, 1870, 4, 16, 0]) });
    assert_eq!((bambu.latency, bambu.fmax_mhz), ([Some(1044); 2], Some(151.4)));
    assert!(bambu::parse("<application/>").unwrap_err().to_string().contains("no report of Bambu"));
}

/// Every reader on a text; only that it returns counts.
fn read_all(text: &str) {
    let _ = csynth::parse(text);
    let _ = vivado::utilization(text);
    let _ = vivado::timing(text);
    let _: Result<Report, _> = bambu::parse(text);
    for f in fabric::FABRICS {
        let _ = nextpnr::parse(text, f);
        let _ = yosys::parse(text, f);
    }
}

#[test]
fn torn_and_mutated_reports_never_bring_the_reader_down() {
    let all = [
        data!("csynth-vitis.xml"),
        data!("csynth-vivado.xml"),
        data!("utilization-7series.rpt"),
        data!("utilization-ultrascale.rpt"),
        data!("timing.rpt"),
        data!("nextpnr.json"),
        data!("stat.json"),
        data!("bambu.xml"),
    ];
    let mut rng = fastrand::Rng::with_seed(11);
    const BITS: &[&str] =
        &["", "-", "?", "undef", "1e999", "99999999999999999999999", "|", "<", ">", "{", "}", "\"", "\n", "é", "0"];
    for text in all {
        for cut in (0..text.len()).step_by(17) {
            read_all(&text[..cut]);
        }
        for _ in 0..300 {
            let mut mutated = text.to_string();
            for _ in 0..rng.usize(1..6) {
                let at = rng.usize(0..mutated.len());
                let boundary = |mut at: usize| {
                    while !mutated.is_char_boundary(at) {
                        at -= 1;
                    }
                    at
                };
                let (start, end) = (boundary(at), boundary((at + rng.usize(0..9)).min(mutated.len())));
                mutated.replace_range(start..end, BITS[rng.usize(0..BITS.len())]);
            }
            read_all(&mutated);
        }
    }
}
