//! What a device costs by the hour: a reader's figure, from a plan of nights or the command line.

use std::str::FromStr;

/// Prices by the name of the target.
#[derive(Clone, Debug, Default)]
pub struct Prices {
    /// Per hour of the whole device.
    pub per_hour: Vec<(String, f64)>,
    /// What is written behind a sum.
    pub currency: String,
}

/// `pi5=0.002`
#[derive(Clone, Debug)]
pub struct Price(pub String, pub f64);

impl FromStr for Price {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (target, price) = text.split_once('=').ok_or("expected TARGET=PRICE, such as pi5=0.002")?;
        let price = price.parse::<f64>().ok().filter(|p| *p > 0.0 && p.is_finite());
        Ok(Self(target.into(), price.ok_or("the price of an hour must be a positive number")?))
    }
}

impl Prices {
    /// What a million calls of so many nanoseconds cost on a device that does nothing else.
    pub fn of_a_million(&self, target: &str, ns: f64) -> Option<f64> {
        let (_, price) = self.per_hour.iter().find(|p| p.0 == target)?;
        Some(price * ns * 1e6 / 3600e9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_calls_of_a_millisecond_take_a_thousand_seconds() {
        let Price(target, price) = "pi5=3.6".parse().unwrap();
        let prices = Prices { per_hour: vec![(target, price)], currency: "EUR".into() };
        assert!((prices.of_a_million("pi5", 1e6).unwrap() - 1.0).abs() < 1e-12);
        assert_eq!(prices.of_a_million("pi4", 1e6), None);
        assert!(["pi5", "pi5=", "pi5=-1", "pi5=inf"].iter().all(|t| t.parse::<Price>().is_err()));
    }
}
