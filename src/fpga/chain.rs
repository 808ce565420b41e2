//! A stream of units: windows, widths and products behind one another, each with its own queue.

use anyhow::{Result, ensure};

use super::design::{Design, Stream, Vectors, in_beat_order, unit_input, unit_output};
use super::hls;
use super::ir::{Mvau, UnitKind};
use super::parameters::Parameters;
use super::rtl;
use super::sv::{Item, Module, assign, instance, literal, logic};
use crate::emit::{Function, Stmt, do_, line};
use crate::layer::{Op, Shape};

/// The windows of a convolution out of an image that streams by.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    pub shape: Shape,
    /// Channels in a beat; divides them.
    pub lanes: usize,
    pub bits: u32,
    /// What lies outside the image reads as this code.
    pub pad: i32,
}

impl Window {
    fn depthwise(&self) -> bool {
        self.shape.op == Op::Depthwise
    }

    /// Beats that the ring of rows holds: a window's rows, and as many more as the next window needs, of this image or the
    /// next; a power of two.
    pub fn words(&self) -> usize {
        let s = &self.shape;
        let bottom = ((s.oh - 1) * s.stride + s.kh).saturating_sub(s.h + s.top);
        let rows = s.kh + s.stride.max(s.kh.saturating_sub(s.top + bottom));
        (rows * s.w * (s.c / self.lanes)).next_power_of_two().max(2)
    }

    /// Beats that come in and go out for one image.
    pub fn beats(&self) -> [usize; 2] {
        let s = &self.shape;
        let groups = s.c / self.lanes;
        [s.h * s.w * groups, s.oh * s.ow * s.kh * s.kw * groups]
    }

    /// The elements of one image as the windows go out.
    pub fn law(&self, image: &[i32]) -> Vec<i32> {
        let s = &self.shape;
        let groups = s.c / self.lanes;
        let pixel = |y: isize, x: isize, group: usize| -> Vec<i32> {
            let inside = y >= 0 && x >= 0 && (y as usize) < s.h && (x as usize) < s.w;
            match inside {
                true => image[(y as usize * s.w + x as usize) * s.c + group * self.lanes..][..self.lanes].to_vec(),
                false => vec![self.pad; self.lanes],
            }
        };
        let mut out = Vec::new();
        for (oy, ox) in (0..s.oh).flat_map(|y| (0..s.ow).map(move |x| (y, x))) {
            let at = |ky: usize, kx: usize, group: usize| {
                let place = |o: usize, k: usize, before: usize| (o * s.stride + k) as isize - before as isize;
                pixel(place(oy, ky, s.top), place(ox, kx, s.left), group)
            };
            let taps = || (0..s.kh).flat_map(|ky| (0..s.kw).map(move |kx| (ky, kx)));
            if self.depthwise() {
                (0..groups).for_each(|g| taps().for_each(|(ky, kx)| out.extend(at(ky, kx, g))));
            } else {
                taps().for_each(|(ky, kx)| (0..groups).for_each(|g| out.extend(at(ky, kx, g))));
            }
        }
        out
    }
}

/// One stage of a chain.
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    Window(Window),
    /// Beats of `from` elements into beats of `to`; one divides the other.
    Resize {
        bits: u32,
        from: usize,
        to: usize,
    },
    /// Holds `depth` beats, a power of two: what comes while a unit goes through its folds of outputs.
    Queue {
        stream: Stream,
        depth: usize,
    },
    Unit {
        name: String,
        unit: Mvau,
        own: Parameters,
    },
}

impl Stage {
    /// Clock cycles for one frame of `input` elements, if nobody keeps it waiting: beats of the side that has more.
    fn interval(&self, input: usize) -> u64 {
        match self {
            Stage::Window(w) => w.beats().into_iter().max().unwrap_or(0) as u64,
            Stage::Resize { from, to, .. } => (input / (*from).min(*to)) as u64,
            Stage::Queue { stream, .. } => (input / stream.lanes) as u64,
            Stage::Unit { unit, .. } => {
                let each = if unit.kind == UnitKind::Depthwise { unit.rows * unit.columns } else { unit.columns };
                (input / each) as u64 * unit.interval()
            }
        }
    }

    /// The elements that come out.
    fn law(&self, x: &[i32]) -> Vec<i32> {
        match self {
            Stage::Window(w) => w.law(x),
            Stage::Resize { .. } | Stage::Queue { .. } => x.to_vec(),
            Stage::Unit { unit, own, .. } if unit.kind == UnitKind::Depthwise => {
                let each = unit.rows * unit.columns;
                x.chunks(each).flat_map(|v| own.law(unit, &out_of_beat_order(unit, v))).collect()
            }
            Stage::Unit { unit, own, .. } => x.chunks(unit.columns).flat_map(|v| own.law(unit, v)).collect(),
        }
    }

    fn input(&self) -> Stream {
        let unsigned = |lanes, bits: u32| Stream { lanes, bits: bits as usize, signed: false };
        match self {
            Stage::Window(w) => unsigned(w.lanes, w.bits),
            Stage::Resize { bits, from, .. } => unsigned(*from, *bits),
            Stage::Queue { stream, .. } => *stream,
            Stage::Unit { unit, .. } => unit_input(unit),
        }
    }

    fn output(&self) -> Stream {
        match self {
            Stage::Resize { bits, to, .. } => Stream { lanes: *to, bits: *bits as usize, signed: false },
            Stage::Unit { unit, .. } => unit_output(unit),
            Stage::Window(_) | Stage::Queue { .. } => self.input(),
        }
    }
}

/// Undoes [`in_beat_order`].
fn out_of_beat_order(unit: &Mvau, x: &[i32]) -> Vec<i32> {
    let places: Vec<i32> = (0..x.len() as i32).collect();
    let mut out = vec![0; x.len()];
    in_beat_order(unit, &places).iter().zip(x).for_each(|(to, v)| out[*to as usize] = *v);
    out
}

/// Stages behind one another.
#[derive(Clone, Debug, PartialEq)]
pub struct Chain {
    pub name: String,
    /// Elements of one frame that come in.
    pub frame: usize,
    pub stages: Vec<Stage>,
}

impl Chain {
    /// # Errors
    /// Stages that do not fit one another, numbers that a unit cannot hold.
    pub fn check(&self) -> Result<()> {
        ensure!(!self.stages.is_empty(), "{}: no stages", self.name);
        for pair in self.stages.windows(2) {
            let (gives, takes) = (pair[0].output(), pair[1].input());
            ensure!(gives == takes, "{}: {gives:?} does not fit {takes:?}", self.name);
        }
        let units = self
            .stages
            .iter()
            .filter_map(|s| if let Stage::Unit { unit, own, .. } = s { Some((unit, own)) } else { None });
        for (unit, own) in units {
            unit.check()?;
            own.check(unit)?;
        }
        Ok(())
    }

    /// Clock cycles from one frame to the next: those of the slowest stage.
    pub fn interval(&self) -> u64 {
        let mut elements = self.frame;
        let each = self.stages.iter().map(|stage| {
            let cycles = stage.interval(elements);
            elements = stage_output(stage, elements);
            cycles
        });
        each.max().unwrap_or(0)
    }

    /// Multiply-accumulates for one frame.
    pub fn macs(&self) -> u64 {
        let mut elements = self.frame;
        let each = self.stages.iter().map(|stage| {
            elements = stage_output(stage, elements);
            if let Stage::Unit { unit, .. } = stage { (elements * unit.columns) as u64 } else { 0 }
        });
        each.sum()
    }

    /// What comes out for one frame.
    pub fn law(&self, frame: &[i32]) -> Vec<i32> {
        self.stages.iter().fold(frame.to_vec(), |x, stage| stage.law(&x))
    }

    pub fn vectors(&self, frames: Vec<Vec<i32>>) -> Vectors {
        Vectors { outputs: frames.iter().map(|f| self.law(f)).collect(), inputs: frames }
    }

    /// # Errors
    /// See [`Chain::check`].
    pub fn design(&self) -> Result<Design> {
        self.check()?;
        let (input, output) = (self.stages[0].input(), self.stages[self.stages.len() - 1].output());
        let mut files = vec![(format!("{}.sv", self.name), self.top())];
        for stage in &self.stages {
            if let Stage::Unit { name, unit, own } = stage {
                let made = rtl::unit(name, unit, own);
                files.extend([(format!("{name}.sv"), made.module), (format!("{name}.weights.hex"), made.weights)]);
            }
        }
        let title = format!("{} stages, {} cycles from frame to frame", self.stages.len(), self.interval());
        Ok(Design { name: self.name.clone(), title, rtl: files, hls: self.cpp(), input, output })
    }

    /// The module that connects the stages.
    fn top(&self) -> String {
        let (first, last) = (self.stages[0].input(), self.stages[self.stages.len() - 1].output());
        let mut items: Vec<Item> = Vec::new();
        let count = self.stages.len();
        for i in 0..=count {
            let width = if i == 0 { first.width() } else { self.stages[i - 1].output().width() };
            items.extend([
                logic(0, format!("valid{i}")),
                logic(0, format!("ready{i}")),
                logic(width, format!("data{i}")),
            ]);
        }
        items.extend([
            assign("valid0", "in_valid"),
            assign("data0", "in_data"),
            assign("in_ready", "ready0"),
            assign("out_valid", format!("valid{count}")),
            assign("out_data", format!("data{count}")),
            assign(format!("ready{count}"), "out_ready"),
        ]);
        for (i, stage) in self.stages.iter().enumerate() {
            let ports = [
                ("clk", "clk".to_string()),
                ("rst", "rst".into()),
                ("in_valid", format!("valid{i}")),
                ("in_ready", format!("ready{i}")),
                ("in_data", format!("data{i}")),
                ("out_valid", format!("valid{}", i + 1)),
                ("out_ready", format!("ready{}", i + 1)),
                ("out_data", format!("data{}", i + 1)),
            ];
            let (module, parameters): (&str, Vec<(&str, String)>) = match stage {
                Stage::Window(w) => ("bs_window", window_parameters(w)),
                Stage::Resize { bits, from, to } => {
                    ("bs_resize", vec![("BITS", bits.to_string()), ("FROM", from.to_string()), ("TO", to.to_string())])
                }
                Stage::Queue { stream, depth } => {
                    ("bs_queue", vec![("WIDTH", stream.width().to_string()), ("DEPTH", depth.to_string())])
                }
                Stage::Unit { name, .. } => (name, vec![]),
            };
            items.push(instance(module, &parameters, &format!("stage{i}"), &ports));
        }
        Module {
            note: format!("{}: {} cycles from frame to frame", self.name, self.interval()),
            name: self.name.clone(),
            ports: rtl::stream_ports(first.width(), last.width()),
            items,
        }
        .print()
    }

    /// The same in HLS C++: stages run side by side, connected by streams.
    fn cpp(&self) -> String {
        let mut out = String::from("#include \"bs_types.h\"\n#include \"bs_window.h\"\n\n");
        for stage in &self.stages {
            if let Stage::Unit { name, unit, own } = stage {
                out += &hls::unit(name, unit, own, false);
                out.push('\n');
            }
        }
        let word = |s: &Stream| {
            let ty = if s.signed { "BS_INT" } else { "BS_UINT" };
            format!("bs_word<{ty}({}), {}>", s.bits, s.lanes)
        };
        let (first, last) = (self.stages[0].input(), self.stages[self.stages.len() - 1].output());
        let mut body: Vec<Stmt> = hls::ports();
        body.push(line("#pragma HLS DATAFLOW"));
        // a queue is the depth of the stream that it stands in
        let (mut streams, mut calls, mut elements, mut from) = (vec![], vec![], self.frame, "in".to_string());
        for (i, stage) in self.stages.iter().enumerate() {
            let after = self.stages[i + 1..].iter().take_while(|s| matches!(s, Stage::Queue { .. }));
            let deepest = after.clone().chain([stage]).map(depth).max().unwrap_or(2);
            let last = i + 1 + after.count() == self.stages.len();
            let to = if last { "out".into() } else { format!("stream{i}") };
            let call = match stage {
                Stage::Queue { .. } => continue,
                Stage::Window(w) => window_call(w, &from, &to),
                Stage::Resize { bits, from: a, to: b } => {
                    format!("bs_resize<BS_UINT({bits}), {a}, {b}>({from}, {to}, vectors * {})", elements / a.max(b))
                }
                Stage::Unit { name, unit, .. } => {
                    let each = if unit.kind == UnitKind::Depthwise { unit.rows * unit.columns } else { unit.columns };
                    format!("{name}({from}, {to}, vectors * {})", elements / each)
                }
            };
            calls.push(do_(call));
            if !last {
                streams.push(do_(format!("bs_stream<{} > {to}", word(&stage.output()))));
                streams.push(line(format!("#pragma HLS STREAM variable={to} depth={deepest}")));
            }
            elements = stage_output(stage, elements);
            from = to;
        }
        body.extend(streams.into_iter().chain(calls));
        let head = format!(
            "void {}(bs_stream<{} > &in, bs_stream<{} > &out, int vectors)",
            self.name,
            word(&first),
            word(&last)
        );
        Function { head, body }.print(&mut out);
        out
    }
}

/// Elements that a stage makes of so many.
fn stage_output(stage: &Stage, elements: usize) -> usize {
    match stage {
        Stage::Window(w) => w.beats()[1] * w.lanes,
        Stage::Resize { .. } | Stage::Queue { .. } => elements,
        Stage::Unit { unit, .. } if unit.kind == UnitKind::Depthwise => elements / unit.columns,
        Stage::Unit { unit, .. } => elements / unit.columns * unit.rows,
    }
}

/// Beats that the stream behind a stage holds.
fn depth(stage: &Stage) -> usize {
    match stage {
        Stage::Window(_) => 4,
        Stage::Resize { .. } => 2,
        Stage::Queue { depth, .. } => *depth,
        Stage::Unit { unit, .. } => unit.queue(),
    }
}

fn window_parameters(w: &Window) -> Vec<(&'static str, String)> {
    let s = &w.shape;
    let numbers = [
        ("BITS", w.bits as usize),
        ("LANES", w.lanes),
        ("H", s.h),
        ("W", s.w),
        ("C", s.c),
        ("KH", s.kh),
        ("KW", s.kw),
        ("STRIDE", s.stride),
        ("TOP", s.top),
        ("LEFT", s.left),
        ("OH", s.oh),
        ("OW", s.ow),
        ("WORDS", w.words()),
        ("DEPTHWISE", usize::from(w.depthwise())),
    ];
    let mut all: Vec<_> = numbers.iter().map(|(name, v)| (*name, v.to_string())).collect();
    all.push(("PAD", literal(w.bits as usize, i64::from(w.pad))));
    all
}

fn window_call(w: &Window, from: &str, to: &str) -> String {
    let s = &w.shape;
    let numbers = [w.lanes, s.h, s.w, s.c, s.kh, s.kw, s.stride, s.top, s.left, s.oh, s.ow, w.words()];
    let numbers: Vec<_> = numbers.iter().map(ToString::to_string).collect();
    format!(
        "bs_window<BS_UINT({}), {}, {}, {}>({from}, {to}, vectors)",
        w.bits,
        numbers.join(", "),
        w.depthwise(),
        w.pad
    )
}
