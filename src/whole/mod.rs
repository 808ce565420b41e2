//! A network as one program: the chosen kernels in their order, what lies between them in C, and the memory that all of it
//! runs in. To the harness it is a kernel like any other, so it is checked and timed on every device that kernels are.

mod glue;
pub mod measure;
mod view;

use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};

use crate::candidate::Schedule;
use crate::emit::{Function, Source, Stmt, do_, if_, let_};
use crate::kernel::Task;
use crate::model::graph::{Graph, Node, Operation, ValueId};
use crate::model::{Model, layers};
use crate::quantized::QuantizedLayer;
use view::{Life, Place, View, place_all};

/// A layer's kernel in a network; of a layer that runs as several, one of these, in their order.
pub struct Chosen {
    /// Its place among the graph's nodes.
    pub node: usize,
    pub layer: String,
    pub task: Task,
    pub schedule: Schedule,
    pub quantized: Arc<QuantizedLayer>,
}

/// What a step of a network is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The kernel of a layer: its place among the chosen.
    Kernel(usize),
    /// Between layers.
    Glue(String),
}

/// One step, for reports.
#[derive(Clone, Debug)]
pub struct Step {
    /// The layer's, or the node's.
    pub name: String,
    pub kind: Kind,
}

/// The program of a network, ready to build.
pub struct Whole {
    pub steps: Vec<Step>,
    /// First the network; then it with its times, by step; then every step alone. All text is the first one's.
    pub sources: Vec<Source>,
    /// What the network reads beside its input: constants, then packed weights.
    pub weights: Vec<u8>,
    pub columns: Vec<u8>,
    /// f32.
    pub inputs: usize,
    pub outputs: usize,
    /// Between layers, without the kernels' scratch.
    pub arena_bytes: usize,
    /// Are its answers the reference's to the bit?
    pub exact: bool,
}

/// Sections of a blob begin at multiples of this, as do values between layers.
const ALIGN: usize = 64;

/// A step while the network is laid out.
struct Draft {
    step: Step,
    inputs: Vec<View>,
    output: View,
    op: Option<Operation>,
    /// Of a kernel: where its weights and columns are, and the words of its static grid.
    kernel: Option<(Sections, [i32; 2])>,
}

/// Where packed weights and columns of a kernel begin.
type Sections = (usize, usize);

struct Layout<'a> {
    graph: &'a Graph,
    chosen: &'a [Chosen],
    values: Vec<Option<View>>,
    drafts: Vec<Draft>,
    /// Bytes of values between layers.
    arena: Vec<usize>,
    constants: Vec<f32>,
    exact: bool,
}

impl Layout<'_> {
    fn new_place(&mut self, elements: usize) -> Place {
        self.arena.push((elements * 4).next_multiple_of(ALIGN));
        Place::Arena(self.arena.len() - 1)
    }

    fn constant(&mut self, numbers: &[f32], dims: &[usize]) -> View {
        let at = self.constants.len();
        self.constants.extend(numbers);
        View::dense(Place::Constant(at), dims)
    }

    /// Where a value lies.
    fn view(&mut self, id: ValueId) -> Result<View> {
        if let Some(view) = &self.values[id] {
            return Ok(view.clone());
        }
        let value = &self.graph.values[id];
        let numbers = self.graph.floats(id).with_context(|| format!("its input `{}` is not there", value.name))?;
        let dims = value.dims.clone().context("has no shape")?;
        let view = self.constant(&numbers, &dims);
        self.values[id] = Some(view.clone());
        Ok(view)
    }

    fn draft(&mut self, name: &str, op: Operation, inputs: Vec<View>, output: View) {
        self.exact &= glue::is_exact(&op);
        let kind = Kind::Glue(crate::model::operation_name(&op));
        let step = Step { name: name.into(), kind };
        self.drafts.push(Draft { step, inputs, output, op: Some(op), kernel: None });
    }

    /// The same value, lying as a consumer wants it; copied where it does not.
    fn lying(&mut self, name: &str, view: View, order: &[usize]) -> View {
        let wanted = View::ordered(view.place, &view.dims, order);
        if view.lies_as(&wanted.steps) {
            return view;
        }
        let place = self.new_place(view.len());
        let to = View { place, ..wanted };
        self.draft(name, Operation::Identity, vec![view], to.clone());
        to
    }

    fn row_major(&mut self, name: &str, view: View) -> View {
        let order: Vec<usize> = (0..view.dims.len()).collect();
        self.lying(name, view, &order)
    }

    /// The kernels of a layer, one behind the other.
    fn kernels(&mut self, all: &[(usize, Sections)], node: &Node) -> Result<()> {
        let dims = self.graph.known(node.outputs[0])?.to_vec();
        let x = self.view(node.inputs[0])?;
        // kernels take and give images with their channels last
        let order: Vec<usize> = match &node.op {
            Operation::Conv { window, .. } if window.channels_first => vec![0, 2, 3, 1],
            _ => (0..x.dims.len()).collect(),
        };
        let x = self.lying(&node.name, x, &order);
        let order: Vec<usize> = if order.len() == dims.len() { order } else { (0..dims.len()).collect() };
        let mut x = x;
        for (i, (index, sections)) in all.iter().enumerate() {
            // what lies between them only they know
            let y = if i + 1 < all.len() {
                let len = self.chosen[*index].task.shape.m() * self.chosen[*index].task.shape.n();
                View::dense(self.new_place(len), &[len])
            } else {
                let place = self.new_place(dims.iter().product());
                View::ordered(place, &dims, &order)
            };
            self.kernel(*index, *sections, x, y.clone())?;
            x = y;
        }
        self.values[node.outputs[0]] = Some(x);
        Ok(())
    }

    fn kernel(&mut self, index: usize, sections: Sections, x: View, output: View) -> Result<()> {
        let step = Step { name: self.chosen[index].layer.clone(), kind: Kind::Kernel(index) };
        let (task, quantized) = (&self.chosen[index].task, &self.chosen[index].quantized);
        let grid = quantized.grids(task.relu).0.filter(|_| task.has_static_grid());
        ensure!(grid.is_some() == task.has_static_grid(), "its static range is not known: nothing calibrated it");
        let kernel = Some((sections, grid.map_or([0; 2], |g| g.words())));
        self.drafts.push(Draft { step, inputs: vec![x], output, op: None, kernel });
        Ok(())
    }

    /// A node that is no layer with a kernel: another view of what is there, or a step.
    fn glue(&mut self, node: &Node) -> Result<()> {
        let mut xs = node.inputs.iter().map(|i| self.view(*i)).collect::<Result<Vec<_>>>()?;
        let dims: Vec<Vec<usize>> =
            node.outputs.iter().map(|o| Ok(self.graph.known(*o)?.to_vec())).collect::<Result<_>>()?;
        let one = &dims[0];
        let seen = match &node.op {
            // grids are passed over, as when the network is run in floats
            Operation::Identity | Operation::Quantize(_) | Operation::Dequantize => vec![xs[0].clone()],
            Operation::Transpose(perm) => vec![xs[0].transposed(perm)],
            Operation::Expand(_) => vec![xs[0].broadcast(one)],
            Operation::Reshape(_) => {
                let x = xs.swap_remove(0);
                let x = self.row_major(&node.name, x);
                vec![View { start: x.start, ..View::dense(x.place, one) }]
            }
            Operation::Slice(ranges) => {
                let parts: Vec<_> = ranges.iter().map(|(from, _, by)| (*from as isize, *by as isize)).collect();
                vec![xs[0].part(&parts, one)]
            }
            Operation::Split { axis, .. } => {
                let mut from = 0;
                let part = |d: &Vec<usize>| {
                    let parts: Vec<_> = (0..d.len()).map(|i| (if i == *axis { from } else { 0 }, 1)).collect();
                    from += d[*axis] as isize;
                    xs[0].part(&parts, d)
                };
                dims.iter().map(part).collect()
            }
            _ => vec![self.computed(node, xs, one)?],
        };
        node.outputs.iter().zip(seen).for_each(|(o, view)| self.values[*o] = Some(view));
        Ok(())
    }

    fn computed(&mut self, node: &Node, mut xs: Vec<View>, dims: &[usize]) -> Result<View> {
        let place = self.new_place(dims.iter().product());
        let images_last = |first: bool| if first { vec![0, 2, 3, 1] } else { vec![0, 1, 2, 3] };
        let order: Vec<usize> = match &node.op {
            Operation::Conv { window, .. } | Operation::MaxPool(window) | Operation::AveragePool { window, .. } => {
                images_last(window.channels_first)
            }
            Operation::Unary(_)
            | Operation::Binary(_)
            | Operation::Where
            | Operation::Affine { .. }
            | Operation::Softmax { .. }
            | Operation::LogSoftmax { .. }
            | Operation::Concat(_)
            | Operation::Pad { .. } => xs
                .iter()
                .find(|x| x.dims.len() == dims.len() && x.len() > 1)
                .map_or_else(|| (0..dims.len()).collect(), View::order),
            _ => (0..dims.len()).collect(),
        };
        let y = View::ordered(place, dims, &order);
        match &node.op {
            Operation::Concat(axis) => {
                let mut from = 0;
                for x in xs {
                    let parts: Vec<_> = (0..dims.len()).map(|i| (if i == *axis { from } else { 0 }, 1)).collect();
                    from += x.dims[*axis] as isize;
                    let part = y.part(&parts, &x.dims);
                    self.draft(&node.name, Operation::Identity, vec![x], part);
                }
            }
            Operation::Pad { amounts, value } => {
                let fill = self.constant(&[*value], &[1]);
                self.draft(&node.name, Operation::Identity, vec![fill], y.clone());
                let parts: Vec<_> = amounts.iter().map(|[before, _]| (*before as isize, 1)).collect();
                let part = y.part(&parts, &xs[0].dims);
                self.draft(&node.name, Operation::Identity, vec![xs.swap_remove(0)], part);
            }
            op => {
                let dense = |i: usize| match op {
                    Operation::LayerNorm { .. } => true,
                    Operation::Gather(_) | Operation::Affine { .. } => i > 0,
                    _ => false,
                };
                let each = xs.into_iter().enumerate();
                let xs = each.map(|(i, x)| if dense(i) { self.row_major(&node.name, x) } else { x }).collect();
                self.draft(&node.name, op.clone(), xs, y.clone());
            }
        }
        Ok(y)
    }

    /// Offsets of the values between layers, and how many bytes they take.
    fn placed(&self) -> (Vec<usize>, usize) {
        let uses = |place: usize, view: &View| view.place == Place::Arena(place);
        let life = |(place, bytes): (usize, &usize)| {
            let touched = |d: &Draft| d.inputs.iter().chain([&d.output]).any(|v| uses(place, v));
            let steps: Vec<usize> = (0..self.drafts.len()).filter(|i| touched(&self.drafts[*i])).collect();
            Life { from: *steps.first().unwrap_or(&0), to: *steps.last().unwrap_or(&0), bytes: *bytes }
        };
        place_all(&self.arena.iter().enumerate().map(life).collect::<Vec<_>>(), ALIGN)
    }
}

fn section(blob: &mut Vec<u8>, bytes: &[u8]) -> usize {
    blob.resize(blob.len().next_multiple_of(ALIGN), 0);
    blob.extend(bytes);
    blob.len() - bytes.len()
}

impl Whole {
    /// The network of a model with a kernel for each of its layers.
    /// # Errors
    /// A layer without a kernel, an operation that has no C, a schedule that is none of its task.
    pub fn new(model: &Model, chosen: &[Chosen]) -> Result<Self> {
        let graph = &model.graph;
        let dims = model.runnable()?.to_vec();
        let mut layout = Layout {
            graph,
            chosen,
            values: vec![None; graph.values.len()],
            drafts: vec![],
            arena: vec![],
            constants: vec![],
            exact: chosen.iter().all(|c| c.task.is_integer()),
        };
        for input in &graph.inputs {
            layout.values[*input] = Some(View::dense(Place::Input, graph.known(*input).unwrap_or(&dims)));
        }
        let (mut packed, mut columns, mut kernels) = (Vec::new(), Vec::new(), Vec::new());
        for (i, node) in graph.nodes.iter().enumerate() {
            let step = || format!("node `{}`", node.name);
            let mut own = Vec::new();
            for (index, kernel) in chosen.iter().enumerate().filter(|(_, c)| c.node == i) {
                let (source, sections) = kernel_of(kernel, index, &mut packed, &mut columns).with_context(step)?;
                kernels.push(source);
                own.push((index, sections));
            }
            if !own.is_empty() {
                layout.kernels(&own, node).with_context(step)?;
            } else if let Some(Ok(_)) = layers::shape_of(graph, node) {
                bail!("node `{}`: is a layer without a kernel", node.name);
            } else {
                layout.glue(node).with_context(step)?;
            }
        }
        let output = graph.outputs[0];
        let view = layout.view(output)?;
        let to = View::dense(Place::Output, &view.dims);
        layout.draft(&graph.values[output].name, Operation::Identity, vec![view], to);
        layout.finish((packed, columns, kernels), &dims)
    }
}

/// A kernel's text under a name of its own, and where its weights and columns are.
fn kernel_of(chosen: &Chosen, index: usize, packed: &mut Vec<u8>, columns: &mut Vec<u8>) -> Result<(Source, Sections)> {
    let (task, q) = (&chosen.task, &chosen.quantized);
    let source = task.emit(&chosen.schedule)?;
    let symbol = format!("bs_layer_{index}");
    let text = source.text.replace(&source.symbol, &symbol);
    let weights = section(packed, &task.pack(&chosen.schedule, &q.weights)?);
    let (init, multiplier) = q.integers(&task.shape, task.relu);
    let column = section(columns, &task.pack_columns(&q.weights, &init, &multiplier, &q.bias));
    Ok((Source { symbol, text, ..source }, (weights, column)))
}

/// The network, and the network with times.
const NETWORK: &str = "bs_network";
const STAMPED: &str = "bs_network_stamped";
/// What every kernel takes.
const PARAMETERS: &str = "const struct bs_args *args, int32_t thread, int32_t threads";

impl Layout<'_> {
    fn finish(self, (packed, columns, kernels): (Vec<u8>, Vec<u8>, Vec<Source>), dims: &[usize]) -> Result<Whole> {
        let (offsets, arena_bytes) = self.placed();
        let mut weights: Vec<u8> = self.constants.iter().flat_map(|v| v.to_le_bytes()).collect();
        let shift = section(&mut weights, &packed);
        let work_bytes = kernels.iter().map(|k| k.work_bytes).max().unwrap_or(0) + arena_bytes as u64;
        let header = kernels.first().context("the network has no layer")?.header.clone();
        let mut text = String::from("#include \"network.h\"\n\n");
        kernels.iter().for_each(|k| text += &format!("{}\n", k.text));
        let printer = Printer { layout: &self, offsets: &offsets, arena_bytes, shift };
        for (i, draft) in self.drafts.iter().enumerate() {
            printer.step(i, draft).with_context(|| format!("node `{}`", draft.step.name))?.print(&mut text);
            let call = vec![do_(format!("step_{i}(args, bs_arena(args, thread, threads), thread, threads)"))];
            Function { head: format!("void bs_step_{i}({PARAMETERS})"), body: call }.print(&mut text);
        }
        let outputs = self.drafts.last().map_or(0, |d| d.output.len());
        printer.network().print(&mut text);
        printer.stamped(outputs).iter().for_each(|part| match part {
            Part::Line(line) => text += line,
            Part::Function(f) => f.print(&mut text),
        });
        let alone = (0..self.drafts.len()).map(|i| format!("bs_step_{i}"));
        let symbols = [NETWORK.to_string(), STAMPED.to_string()].into_iter().chain(alone);
        let source = |symbol: String| Source { symbol, header: header.clone(), text: String::new(), work_bytes };
        let mut sources: Vec<Source> = symbols.map(source).collect();
        sources[0].text = text;
        Ok(Whole {
            exact: self.exact,
            steps: self.drafts.into_iter().map(|d| d.step).collect(),
            sources,
            weights,
            columns,
            inputs: dims.iter().product(),
            outputs,
            arena_bytes,
        })
    }
}

enum Part {
    Line(String),
    Function(Function),
}

struct Printer<'a> {
    layout: &'a Layout<'a>,
    offsets: &'a [usize],
    arena_bytes: usize,
    /// Where packed weights begin.
    shift: usize,
}

impl Printer<'_> {
    fn pointer(&self, view: &View, ty: &str) -> String {
        let start = view.start;
        match view.place {
            Place::Input => format!("({ty} *)args->lhs + {start}"),
            Place::Constant(at) => format!("({ty} *)args->rhs + {}", at as isize + start),
            Place::Arena(i) => format!("({ty} *)(arena + {}) + {start}", self.offsets[i]),
            Place::Output => format!("({ty} *)args->out + {start}"),
        }
    }

    /// `static void step_3(args, arena, thread, threads)`
    fn step(&self, index: usize, draft: &Draft) -> Result<Function> {
        let head = format!(
            "static void step_{index}(const struct bs_args *args, uint8_t *arena, int32_t thread, int32_t threads)"
        );
        let mut body: Vec<Stmt> = vec![crate::emit::note(draft.step.name.replace("*/", "* /"))];
        if let (Kind::Kernel(kernel), Some(((weights, columns), [zero, out_zero]))) = (&draft.step.kind, draft.kernel) {
            body.push(let_(
                "struct bs_args",
                "a",
                format!(
                    "{{{}, (const uint8_t *)args->rhs + {}, (const uint8_t *)args->cols + {columns}, {}, (uint8_t *)args->work + {}, {zero}, {out_zero}}}",
                    self.pointer(&draft.inputs[0], "const float"),
                    weights + self.shift,
                    self.pointer(&draft.output, "float"),
                    self.arena_bytes
                ),
            ));
            body.push(do_(format!("bs_layer_{kernel}(&a, thread, threads)")));
            return Ok(Function { head, body });
        }
        let op = draft.op.as_ref().context("does nothing")?;
        let mut all: Vec<Stmt> = draft
            .inputs
            .iter()
            .enumerate()
            .map(|(i, x)| let_("const float *", format!("x{i}"), self.pointer(x, "const float")))
            .collect();
        all.push(let_("float *", "y", self.pointer(&draft.output, "float")));
        all.extend(glue::statements(op, &draft.inputs, &draft.output)?);
        body.push(if_("thread == 0", all, vec![]));
        Ok(Function { head, body })
    }

    fn network(&self) -> Function {
        let mut body = vec![let_("uint8_t *", "arena", "bs_arena(args, thread, threads)")];
        for i in 0..self.layout.drafts.len() {
            body.push(do_(format!("step_{i}(args, arena, thread, threads)")));
            body.push(do_("bs_meet(threads)"));
        }
        Function { head: format!("void {NETWORK}({PARAMETERS})"), body }
    }

    /// The network with the clock read between steps. Called with a zero point other than 0 it tells, behind the outputs, what
    /// all calls so far took by step; the last of these times is that of no step, and so the clock's own.
    fn stamped(&self, outputs: usize) -> Vec<Part> {
        let steps = self.layout.drafts.len();
        let tell = do_(format!("memcpy((float *)args->out + {outputs}, bs_taken, sizeof bs_taken)"));
        let mut body = vec![
            if_("args->zero != 0", vec![if_("thread == 0", vec![tell], vec![]), do_("return")], vec![]),
            let_("uint8_t *", "arena", "bs_arena(args, thread, threads)"),
            let_("uint64_t", "before", "bs_now()"),
            let_("uint64_t", "after", "0"),
        ];
        for i in 0..=steps {
            if i < steps {
                body.push(do_(format!("step_{i}(args, arena, thread, threads)")));
                body.push(do_("bs_meet(threads)"));
            }
            body.push(do_("after = bs_now()"));
            body.push(if_("thread == 0", vec![do_(format!("bs_taken[{i}] += after - before"))], vec![]));
            body.push(do_("before = after"));
        }
        vec![
            Part::Line(format!("static uint64_t bs_taken[{}];\n", steps + 1)),
            Part::Function(Function { head: format!("void {STAMPED}({PARAMETERS})"), body }),
        ]
    }
}
