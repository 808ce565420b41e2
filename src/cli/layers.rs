//! `bitsmith layers`

use anyhow::Result;
use serde_json::json;

use super::print;
use crate::layer::{NETWORKS, Network};

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  bitsmith layers\n  bitsmith layers resnet50\n  bitsmith layers bert-base --json")]
pub struct Args {
    /// A built-in network, or a TOML file of layers
    network: Option<String>,
    /// One JSON document on stdout
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<()> {
    let networks: Vec<Network> = match &args.network {
        Some(name) if name.ends_with(".toml") => vec![Network::read(name.as_ref())?],
        Some(name) => vec![Network::built_in(name)?],
        None => NETWORKS.iter().map(|(n, _)| Network::built_in(n)).collect::<Result<_>>()?,
    };
    if args.json {
        let all: Vec<_> = networks.iter().map(document).collect();
        return print(&format!("{}\n", serde_json::to_string_pretty(&json!({ "networks": all }))?));
    }
    if args.network.is_none() {
        let mut text = format!("{:<13}{:>7}{:>12}  {}\n", "network", "layers", "MMAC", "title");
        for n in &networks {
            let layers: usize = n.layers.iter().map(|l| l.count).sum();
            text += &format!("{:<13}{layers:>7}{:>12.2}  {}\n", n.name, n.macs() as f64 / 1e6, n.title);
            text = text.trim_end().to_owned() + &Network::also(&n.name) + "\n";
        }
        return print(&text);
    }
    let network = &networks[0];
    let mut text = format!("{} - {}\n{}\n\n", network.name, network.title, network.source);
    text += &format!("{:<26}{:<11}{:>8}{:>8}{:>8}{:>7}{:>12}\n", "layer", "op", "m", "n", "k", "count", "MMAC each");
    for l in &network.layers {
        let s = &l.shape;
        let macs = s.macs() as f64 / 1e6;
        text += &format!(
            "{:<26}{:<11}{:>8}{:>8}{:>8}{:>7}{macs:>12.3}\n",
            l.name,
            s.op.name(),
            s.m(),
            s.n(),
            s.k(),
            l.count
        );
    }
    print(&text)
}

fn document(network: &Network) -> serde_json::Value {
    let layers = network.layers.iter().map(|l| {
        let s = &l.shape;
        json!({
            "name": l.name, "op": s.op.name(), "m": s.m(), "n": s.n(), "k": s.k(), "count": l.count, "relu": l.relu,
            "macs": s.macs(), "input": [s.h, s.w, s.c], "kernel": [s.kh, s.kw], "stride": s.stride,
            "output": [s.oh, s.ow, s.f],
        })
    });
    json!({
        "name": network.name, "title": network.title, "source": network.source, "macs": network.macs(),
        "layers": layers.collect::<Vec<_>>(),
    })
}
