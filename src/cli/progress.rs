//! Progress on stderr: a bar with the best so far, or one line per job where stderr is no terminal.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

use crate::baseline;
use crate::record::{Baseline, Record};
use crate::report::format::time;
use crate::study::{Job, Progress};

pub struct Bar {
    bar: ProgressBar,
    terminal: bool,
    label: String,
    last: String,
}

impl Bar {
    pub fn new() -> Self {
        Self::of("{prefix} [{bar:24}] {pos}/{len} tried  {msg}  {elapsed}")
    }

    /// Without a bar: for jobs that are one step each.
    pub fn plain() -> Self {
        Self::of("{prefix}  {elapsed}")
    }

    fn of(template: &str) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = if terminal { ProgressBar::new(0) } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template(template);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
        Self { bar, terminal, label: String::new(), last: String::new() }
    }

    fn begin(&mut self, index: usize, jobs: usize, job: &Job, length: usize) {
        self.label = format!("[{}/{jobs}] {} {}", index + 1, job.layer.key(), job.scheme);
        self.bar.reset();
        self.bar.set_length(length as u64);
        self.bar.set_prefix(self.label.clone());
        self.bar.set_message("");
    }

    fn flush(&mut self) {
        if !self.terminal && !self.last.is_empty() {
            eprintln!("{}  {}", self.label, self.last);
        }
        self.last.clear();
    }
}

impl Progress for Bar {
    fn job(&mut self, index: usize, jobs: usize, job: &Job, space: usize) {
        self.begin(index, jobs, job, space);
    }

    fn batch(&mut self, tried: usize, best: Option<&Record>) {
        let best = best.and_then(|r| Some((r.median_ns?, r)));
        let best = best.map_or("none timed yet".into(), |(ns, r)| {
            let share = r.roof_share.map_or(String::new(), |s| format!(", {:.0}% of the roof", s * 100.0));
            format!("best {}{share} ({})", time(ns), r.schedule)
        });
        self.bar.set_position(tried as u64);
        self.bar.set_message(best.clone());
        self.last = format!("{tried} tried, {best}");
    }

    fn modelled(&mut self, tried: usize, best: Option<(f64, &str)>) {
        let best = best.map_or("none modelled yet".into(), |(ns, schedule)| {
            format!("least modelled time {} ({schedule})", time(ns))
        });
        self.bar.set_position(tried as u64);
        self.bar.set_message(best.clone());
        self.last = format!("{tried} tried, {best}");
    }

    fn ended(&mut self) {
        self.flush();
    }

    fn done(&mut self) {
        self.bar.finish_and_clear();
    }

    fn note(&mut self, text: &str) {
        if self.terminal {
            self.bar.println(text);
        } else {
            eprintln!("{text}");
        }
    }
}

impl baseline::Progress for Bar {
    fn job(&mut self, index: usize, jobs: usize, job: &Job) {
        self.begin(index, jobs, job, 1);
        self.bar.tick();
    }

    fn row(&mut self, row: &Baseline) {
        let us = |ns: f64| format!("{:.1} us", ns / 1e3);
        let text = match (row.median_ns, row.own_ns, row.ratio) {
            (Some(ns), Some(own), Some(ratio)) => format!("ours {}, {} {}, {ratio:.2} x", us(own), row.peer, us(ns)),
            (Some(ns), ..) => format!("{} {}", row.peer, us(ns)),
            _ => format!("{}: {:?}, {}", row.peer, row.outcome, row.message),
        };
        self.note(&format!("{}  {text}", self.label));
    }
}
