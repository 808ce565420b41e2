//! Products of a beat, and their sum.

use super::super::ir::UnitKind;
use super::super::sv::{Item, assign, for_, literal_signed, logic, next, note, signed};
use super::Writer;

impl Writer<'_> {
    /// One activation as a signed operand: its bits, and the text for the lane at `index` of `from`.
    pub(super) fn operand(&self, from: &str, index: &str) -> (usize, String) {
        let a = self.unit.activation_bits as usize;
        let slice = format!("{from}[({index}) * {a} +: {a}]");
        match self.unit.signed {
            true => (a, format!("$signed({slice})")),
            false => (a + 1, format!("$signed({{1'b0, {slice}}})")),
        }
    }

    /// `products`: one for each output and input of a beat.
    pub(super) fn products(&self) -> Vec<Item> {
        let u = self.unit;
        let (p, count) = (u.product_bits() as usize, u.pe * u.simd);
        let mut items = vec![note("products"), logic(count * p, "products")];
        if u.packing == 1 {
            items.extend(self.operands());
        }
        items.extend(if u.packing == 1 { self.single_products() } else { self.packed_products() });
        items
    }

    /// `factors` and `inputs`: what is multiplied; a register of its own where hard multipliers take it in.
    pub(super) fn operands(&self) -> Vec<Item> {
        let all = [("factors", "w", self.unit.weight_memory().0), ("inputs", "x", self.input_bits())];
        let mut items: Vec<Item> = all.iter().map(|(to, _, bits)| logic(*bits, *to)).collect();
        if self.unit.product_stages() > 1 {
            items.push(Item::Clocked(all.map(|(to, from, _)| next(to, from)).to_vec()));
        } else {
            items.extend(all.map(|(to, from, _)| assign(to, from)));
        }
        items
    }

    /// The weight at `index` of `from` as a signed operand.
    pub(super) fn weight(&self, to: &str, from: &str, index: &str) -> Vec<Item> {
        let (w, d) = (self.unit.weight_bits as usize, self.unit.operand_bits() as usize);
        let value = match w {
            1 => format!("{from}[{index}] ? 2'sb01 : 2'sb11"),
            _ => format!("$signed({from}[({index}) * {w} +: {w}])"),
        };
        vec![signed(d, to), assign(to, value)]
    }

    pub(super) fn single_products(&self) -> Vec<Item> {
        let u = self.unit;
        let (p, s) = (u.product_bits() as usize, u.simd);
        let index = format!("p * {s} + s");
        let lane = if u.kind == UnitKind::Depthwise { "p" } else { "s" };
        let (bits, activation) = self.operand("inputs", lane);
        let mut body = vec![signed(bits, "activation"), assign("activation", activation), signed(p, "product")];
        if u.weight_bits == 1 {
            let value = format!("factors[{index}] ? activation : -activation");
            // the wide operand makes the choice as wide as the product
            let wide = format!("{} + ({value})", literal_signed(p, 0));
            body.push(Item::Clocked(vec![next("product", wide)]));
        } else {
            body.extend(self.weight("weight", "factors", &index));
            body.push(Item::Clocked(vec![next("product", "weight * activation")]));
        }
        body.push(assign(format!("products[({index}) * {p} +: {p}]"), "product"));
        vec![for_("p", u.pe, "output_lane", vec![for_("s", s, "input_lane", body)])]
    }

    /// Two products of one multiplier: `x * (w1 * 2^p + w0)`, where the lower one's sign has borrowed from the upper.
    pub(super) fn packed_products(&self) -> Vec<Item> {
        let u = self.unit;
        let (p, s, d) = (u.product_bits() as usize, u.simd, u.operand_bits() as usize);
        let (low, high) = (format!("2 * p * {s} + s"), format!("(2 * p + 1) * {s} + s"));
        let (bits, activation) = self.operand("x_packed", "s");
        let packed = u.packed_bits() as usize;
        let mut body = self.weight("weight_low", "w", &low);
        body.extend(self.weight("weight_high", "w", &high));
        body.extend([
            signed(d + 1, "upper"),
            signed(p, "lower"),
            assign(
                "upper",
                format!(
                    "weight_low < 0 ? weight_high - {} : weight_high + {}",
                    literal_signed(d + 1, 1),
                    literal_signed(d + 1, 0)
                ),
            ),
            assign("lower", "weight_low"),
            signed(packed, "pair"),
            Item::Clocked(vec![next("pair", "$signed({upper, lower})")]),
            signed(bits, "activation"),
            assign("activation", activation),
            signed(packed + bits, "both_product"),
            Item::Clocked(vec![next("both_product", "pair * activation")]),
            logic(p, "product_low"),
            logic(p, "product_high"),
            Item::Clocked(vec![
                next("product_low", format!("both_product[{}:0]", p - 1)),
                next(
                    "product_high",
                    format!("both_product[{}:{p}] + {{{{{}{{1'b0}}}}, both_product[{}]}}", 2 * p - 1, p - 1, p - 1),
                ),
            ]),
            assign(format!("products[({low}) * {p} +: {p}]"), "product_low"),
            assign(format!("products[({high}) * {p} +: {p}]"), "product_high"),
        ]);
        vec![
            logic(self.input_bits(), "x_packed"),
            Item::Clocked(vec![next("x_packed", "x")]),
            for_("p", u.pe / 2, "output_pair", vec![for_("s", s, "input_lane", body)]),
        ]
    }

    /// `terms`: the sum of a beat's products for each output.
    pub(super) fn tree(&self) -> Vec<Item> {
        let u = self.unit;
        let levels = u.tree_levels();
        let mut items = vec![note("the sum of a beat's products")];
        let (mut from, mut count, mut bits) = ("products".to_string(), u.simd, u.product_bits() as usize);
        for level in 1..=levels {
            let (to, half) = (format!("level{level}"), count.div_ceil(2));
            let registered = u.tree > 0 && (level % u.tree == 0 || level == levels);
            let slice = |i: &str| format!("$signed({from}[(p * {count} + {i}) * {bits} +: {bits}])");
            let node = |label: &str, n: usize, value: String, first: String| {
                let mut body = vec![signed(bits + 1, "sum")];
                body.push(if registered { Item::Clocked(vec![next("sum", value)]) } else { assign("sum", value) });
                body.push(assign(format!("{to}[(p * {half} + {first}) * {} +: {0}]", bits + 1), "sum"));
                for_("s", n, label, body)
            };
            let pair = format!("{} + {}", slice("2 * s"), slice("2 * s + 1"));
            let mut body = vec![node("node", count / 2, pair, "s".into())];
            if count % 2 == 1 {
                let alone = slice(&format!("{}", count - 1));
                body.push(node("alone", 1, alone, format!("{} + s", half - 1)));
            }
            items.push(logic(u.pe * half * (bits + 1), to.clone()));
            items.push(for_("p", u.pe, format!("tree{level}"), body));
            (from, count, bits) = (to, half, bits + 1);
        }
        items.extend([logic(u.pe * bits, "terms"), assign("terms", from)]);
        items
    }

    pub(super) fn term_bits(&self) -> usize {
        (self.unit.product_bits() + self.unit.tree_levels()) as usize
    }
}
