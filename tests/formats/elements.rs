//! Small floats against ml_dtypes and NumPy.

use bitsmith::scheme::levels::{Levels, MiniFloat};

use super::{f32s, u16s, vectors};

const ALL: [(&str, MiniFloat); 7] = [
    ("e4m3", MiniFloat::E4M3),
    ("e5m2", MiniFloat::E5M2),
    ("e2m3", MiniFloat::E2M3),
    ("e3m2", MiniFloat::E3M2),
    ("e2m1", MiniFloat::E2M1),
    ("f16", MiniFloat::F16),
    ("bf16", MiniFloat::BF16),
];

#[test]
fn every_code_stands_for_its_number() {
    let all = vectors("elements");
    for (name, float) in ALL {
        for (code, value) in u16s(&all[name]["codes"]).into_iter().zip(f32s(&all[name]["values"])) {
            match float.decode(code) {
                Some(got) => assert_eq!(got, value, "{name} {code:#x}"), // -0 is 0
                None => assert!(!value.is_finite(), "{name} {code:#x}"),
            }
        }
    }
}

#[test]
fn numbers_round_to_nearest_ties_to_even() {
    let all = vectors("elements");
    for (name, float) in ALL {
        let levels = Levels::Float(float);
        for (x, code) in f32s(&all[name]["x"]).into_iter().zip(u16s(&all[name]["rounded"])) {
            let negative_zero = 1u16 << (float.bits() - 1);
            let expected = if code == negative_zero { 0 } else { code };
            assert_eq!(float.encode(x), expected, "{name} {x:e}");
            assert_eq!(Some(levels.value(levels.nearest(x))), float.decode(expected), "{name} {x:e}");
        }
    }
}

#[test]
fn what_is_too_large_becomes_the_largest() {
    for (name, float) in ALL {
        let top = Levels::Float(float).greatest();
        for x in [top * 1.01, f32::MAX] {
            assert_eq!((float.round(x), float.round(-x)), (top, -top), "{name}");
        }
    }
}
