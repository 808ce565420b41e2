//! Layers, windows and slices, as TFLite states them.

use anyhow::{Context, Result, bail, ensure};

use super::Reader;
use super::flat::Table;
use crate::model::graph::{Operation, ValueId, Window};
use crate::model::infer::image;

impl Reader<'_> {
    pub(super) fn window(&self, o: &Table<'_>, x: ValueId, kernel: [i32; 2], dilation: [i32; 2]) -> Result<Window> {
        let pair = |v: [i32; 2], what: &str| -> Result<[usize; 2]> {
            ensure!(v.iter().all(|v| (1..1 << 20).contains(v)), "a {what} of {v:?}");
            Ok([v[0] as usize, v[1] as usize])
        };
        let (kernel, dilation) = (pair(kernel, "window")?, pair(dilation, "dilation")?);
        let stride = pair([o.i32(2, 0)?, o.i32(1, 0)?], "stride")?;
        let [h, w, _] = image(self.graph.known(x)?, false)?;
        let pad = match o.i8(0)? {
            1 => [0; 4],
            0 => {
                let all = |i: usize, size: usize| {
                    let reach = (size.div_ceil(stride[i]).max(1) - 1) * stride[i] + (kernel[i] - 1) * dilation[i] + 1;
                    reach.saturating_sub(size)
                };
                let (v, u) = (all(0, h), all(1, w));
                [v / 2, u / 2, v.div_ceil(2), u.div_ceil(2)]
            }
            other => bail!("padding {other}"),
        };
        Ok(Window { kernel, stride, pad, dilation, channels_first: false })
    }

    /// Weights of depthwise layers are [1, kh, kw, c]; they become [c, kh, kw, 1].
    pub(super) fn conv(
        &mut self,
        name: &str,
        kind: &str,
        options: Option<&Table<'_>>,
        ids: &[ValueId],
    ) -> Result<Vec<ValueId>> {
        let o = options.context("has no options")?;
        let (x, mut w) = (ids[0], *ids.get(1).context("has no weights")?);
        ensure!(self.graph.values[w].constant.is_some(), "weights that are computed");
        let channels = *self.graph.known(x)?.last().context("has no channels")?;
        let depthwise = kind == "DEPTHWISE_CONV_2D";
        if depthwise {
            w = self.graph.permuted(w, &[3, 1, 2, 0])?;
        }
        let dims = self.graph.known(w)?.to_vec();
        ensure!(dims.len() == 4, "weights {dims:?}");
        let (activation, dilation) = if depthwise { (4, 5) } else { (3, 4) };
        let dilated = [o.i32(dilation + 1, 1)?, o.i32(dilation, 1)?];
        let kernel = [i32::try_from(dims[1])?, i32::try_from(dims[2])?];
        let window = self.window(o, x, kernel, dilated)?;
        ensure!(dims[3] > 0 && channels % dims[3] == 0, "weights {dims:?} for {channels} channels");
        let groups = if depthwise { channels } else { channels / dims[3] };
        let inputs = [&[x, w], ids.get(2..3).unwrap_or(&[])].concat();
        let y = self.one(name, Operation::Conv { window, groups, relu: false }, &inputs)?;
        self.graph.values[y[0]].quant = self.current.clone();
        self.activated(name, y, o.i8(activation)?)
    }

    pub(super) fn connected(
        &mut self,
        name: &str,
        options: Option<&Table<'_>>,
        ids: &[ValueId],
        outputs: &[i32],
    ) -> Result<Vec<ValueId>> {
        let (mut x, w) = (ids[0], *ids.get(1).context("has no weights")?);
        ensure!(self.graph.values[w].constant.is_some(), "weights that are computed");
        let k = self.graph.known(w)?.get(1).copied().filter(|k| *k > 0).context("weights of no columns")?;
        if options.map_or(Ok(0), |o| o.i8(1))? != 0 {
            bail!("weights in a shuffled order");
        }
        let total: usize = self.graph.known(x)?.iter().product();
        if self.graph.known(x)?.last() != Some(&k) {
            ensure!(total.is_multiple_of(k), "{total} inputs in rows of {k}");
            x = self.graph.add(&format!("{name}/rows"), Operation::Reshape(vec![total / k, k]), &[x], name)?;
        }
        let inputs = [&[x, w], ids.get(2..3).unwrap_or(&[])].concat();
        let mut y = self.one(name, Operation::Linear { relu: false }, &inputs)?;
        self.graph.values[y[0]].quant = self.current.clone();
        let wanted = self.declared[outputs[0] as usize].0.clone();
        let found = self.graph.known(y[0])?;
        if found != wanted.as_slice() && wanted.iter().product::<usize>() == found.iter().product::<usize>() {
            y = self.one(&format!("{name}/shape"), Operation::Reshape(wanted), &y)?;
        }
        self.activated(name, y, options.map_or(Ok(0), |o| o.i8(0))?)
    }

    pub(super) fn strided(&self, options: Option<&Table<'_>>, ids: &[ValueId], dims: &[usize]) -> Result<Operation> {
        let o = options.context("has no options")?;
        let part = |i: usize| self.graph.integers(*ids.get(i).context("has no bounds")?);
        let (begin, end, step) = (part(1)?, part(2)?, part(3)?);
        let (low, high) = (o.i32(0, 0)?, o.i32(1, 0)?);
        ensure!(
            o.i32(2, 0)? == 0 && o.i32(3, 0)? == 0 && o.i32(4, 0)? == 0,
            "with an ellipsis, or axes added or removed"
        );
        ensure!(
            begin.len() == dims.len() && end.len() == dims.len() && step.len() == dims.len(),
            "does not fit {dims:?}"
        );
        ensure!(dims.len() <= 8, "of {} dimensions", dims.len());
        let range = |i: usize| {
            let d = dims[i] as i64;
            ensure!(step[i] > 0, "a step of {}", step[i]);
            let from = |v: i64| (if v < 0 { v.saturating_add(d) } else { v }).clamp(0, d);
            let start = if low >> i & 1 == 1 { 0 } else { from(begin[i]) };
            Ok((start, if high >> i & 1 == 1 { d } else { from(end[i]) }, step[i]))
        };
        Ok(Operation::Slice((0..dims.len()).map(range).collect::<Result<_>>()?))
    }
}
