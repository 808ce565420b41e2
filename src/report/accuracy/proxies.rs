//! Proxies: which cheap figure foretells what a network scores, and what that means for the choice of a scheme.

use anyhow::Result;

use super::ladder::MOST_BITS;
use super::view::{Data, Entry, Input, Net, mean, networks};
use crate::record::Accuracy;
use crate::report::Drawing;
use crate::report::canvas::{Area, LABEL, LINES, NOTE, WIDTH, legend, svg};
use crate::report::canvas::{Mark, Shape};
use crate::report::format;
use crate::report::plot::{Axis, Plot, extent, plain};
use crate::stats::kendall_tau_b;

/// A figure that could stand for top-1. All are turned so that higher should be better.
pub struct Proxy {
    pub name: &'static str,
    value: fn(&Entry) -> Option<f64>,
}

pub static PROXIES: &[Proxy] = &[
    Proxy { name: "mean SQNR of layers", value: |e| mean(e.layers.iter().filter_map(|r| super::view::sqnr(r))) },
    Proxy { name: "least SQNR of a layer", value: |e| e.least },
    Proxy { name: "mean cosine of layers", value: |e| mean(e.layers.iter().filter_map(|r| r.cosine)) },
    Proxy { name: "mean -log10 MSE of layers", value: |e| mean(e.layers.iter().filter_map(|r| log(r.mse))) },
    Proxy { name: "SQNR of weights", value: |e| e.weights },
    Proxy { name: "SQNR of the logits", value: |e| e.whole.and_then(super::view::sqnr) },
    Proxy { name: "-log10 MSE of the logits", value: |e| e.whole.and_then(|w: &Accuracy| log(w.mse)) },
    Proxy { name: "cosine of the logits", value: |e| e.whole.and_then(|w| w.cosine) },
    Proxy { name: "-log10 KL of class probabilities", value: |e| log(e.kl()) },
    Proxy { name: "bits per weight", value: |e| Some(e.bits) },
];

/// Infinite where there is no error; rounding may bring a divergence below zero.
fn log(error: Option<f64>) -> Option<f64> {
    error.map(|v| if v > 0.0 { -v.log10() } else { f64::INFINITY })
}

/// How well a proxy ranks the schemes of a network.
pub struct Rank {
    pub proxy: &'static Proxy,
    /// Kendall's tau-b with top-1.
    pub tau: f64,
    /// Schemes compared.
    pub n: usize,
}

fn pairs(net: &Net, proxy: &Proxy) -> Vec<(f64, f64)> {
    net.entries.iter().filter_map(|e| Some(((proxy.value)(e)?, e.score()?))).filter(|(x, _)| !x.is_nan()).collect()
}

/// Every proxy of a network with top-1, the best first.
pub fn ranking(net: &Net) -> Vec<Rank> {
    let rank = |proxy: &'static Proxy| {
        let pairs = pairs(net, proxy);
        Some(Rank { proxy, tau: kendall_tau_b(&pairs)?, n: pairs.len() })
    };
    let mut all: Vec<Rank> = PROXIES.iter().filter_map(rank).collect();
    all.sort_by(|a, b| b.tau.total_cmp(&a.tau));
    all
}

pub const RULE: &str = "the smallest scheme that cannot be told from f32: the upper end of the 95 % interval (Wilson) of \
                        its top-1 is not below f32's top-1";

/// The smallest scheme of which [`RULE`] holds; of equal size the one with more hits.
pub fn recommended<'a>(net: &'a Net) -> Option<&'a Entry<'a>> {
    let float = net.float()?.score()?;
    let holds = |e: &&Entry| e.top1().and_then(|(h, n)| format::wilson(h, n)).is_some_and(|(_, high)| high >= float);
    let score = |e: &Entry| e.score().unwrap_or(0.0);
    let fits = net.entries.iter().filter(holds);
    fits.min_by(|a, b| a.bits.total_cmp(&b.bits).then(score(b).total_cmp(&score(a))))
}

/// One line; empty where nothing was scored.
pub fn recommendation(net: &Net) -> String {
    let (Some(e), Some(float)) = (recommended(net), net.float().and_then(Entry::top1)) else { return String::new() };
    let score = |(hits, of)| format::top1(hits, of);
    let own = e.top1().map_or(String::new(), score);
    format!("{}: {:.2} bits per weight, top-1 {own}; f32 {}", e.title, e.bits, score(float))
}

/// One line; empty where nothing can be ranked.
pub fn best_proxy(net: &Net) -> String {
    let best = ranking(net).into_iter().next();
    best.map_or(String::new(), |r| {
        format!("best proxy: {}, tau {:.2} over {}", r.proxy.name, r.tau, format::count(r.n, "scheme"))
    })
}

/// Panels of one chart: the best proxies.
const MOST: usize = 4;
const PANEL: (i32, i32) = (WIDTH as i32 / 2, 290);

pub fn draw(data: &Data) -> Result<Vec<Drawing>> {
    let mut charts = Vec::new();
    for net in networks(&data.rows) {
        let best: Vec<Rank> = ranking(&net).into_iter().take(MOST).collect();
        if !best.is_empty() {
            charts.push((format!("proxies-{}", format::slug(net.name)), chart(&net, &best)?));
        }
    }
    Ok(charts)
}

fn chart(net: &Net, best: &[Rank]) -> Result<String> {
    let title = format!("What foretells top-1: {} ({})", net.name, net.data);
    let lines = [
        "Each point is a scheme. tau: Kendall's tau-b, 1 where both rank alike, 0 where neither tells of the other."
            .to_string(),
        "Schemes of more than 24 bits count, but are not drawn.".into(),
    ];
    let rows = (best.len() as i32 + 1) / 2;
    svg((&title, &lines), (WIDTH, (34 + rows * PANEL.1) as u32), |area| {
        let entries: Vec<_> = Input::ALL.into_iter().map(|i| (mark(i), true, i.title().to_string())).collect();
        legend(area, &entries, (74, 14))?;
        for (i, rank) in best.iter().enumerate() {
            let (x, y) = (PANEL.0 * (i as i32 % 2), 28 + PANEL.1 * (i as i32 / 2));
            scatter(&area.clone().shrink((x, y), PANEL), net, rank)?;
        }
        Ok(())
    })
}

fn mark(input: Input) -> Mark {
    match input {
        Input::Float => Mark { color: LINES[2], shape: Shape::Circle },
        Input::Eight => Mark { color: LINES[0], shape: Shape::Diamond },
        Input::Other => Mark { color: LINES[1], shape: Shape::Triangle },
    }
}

fn scatter(area: &Area, net: &Net, rank: &Rank) -> Result<()> {
    let place = |e: &Entry| Some(((rank.proxy.value)(e).filter(|x| x.is_finite())?, e.score()? * 100.0));
    let small = net.entries.iter().filter(|e| e.bits <= MOST_BITS);
    let points: Vec<(Input, (f64, f64))> = small.filter_map(|e| Some((e.input, place(e)?))).collect();
    let axis = |title: &str, values: Vec<f64>| {
        let (low, high) = extent(values, 0.0);
        let room = if high > low { (high - low) * 0.06 } else { 1.0 };
        Axis::linear(title, low - room..high + room, plain)
    };
    let plot = Plot {
        x: axis(rank.proxy.name, points.iter().map(|p| p.1.0).collect()),
        y: axis("top-1, %", points.iter().map(|p| p.1.1).collect()),
        left: 74,
        top: 30,
        right: PANEL.0 - 16,
        bottom: PANEL.1 - 54,
    };
    plot.draw(area)?;
    for (input, (x, y)) in &points {
        mark(*input).draw(area, plot.at(*x, *y), false)?;
    }
    let title = format!("tau {:.2}", rank.tau);
    LABEL.size(12.0).bold().draw(area, &title, (74, 14))?;
    let after = 74 + LABEL.size(12.0).bold().width(&title) + 8;
    NOTE.draw(area, &format!("over {}", format::count(rank.n, "scheme")), (after, 14))
}
