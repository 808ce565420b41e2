//! Codes of 1 to 8 bits side by side in bytes: the first code in the lowest bits, codes running on across bytes.

/// Packs codes, of which only the low `bits` count. The last byte is filled up with zeros.
pub fn pack(codes: &[u8], bits: u32) -> Vec<u8> {
    assert!((1..=8).contains(&bits), "codes of {bits} bits");
    let mut bytes = vec![0; packed_len(codes.len(), bits)];
    for (i, code) in codes.iter().enumerate() {
        let (byte, shift) = place(i, bits);
        let spread = u16::from(*code & mask(bits)) << shift;
        bytes[byte] |= spread as u8;
        if shift + bits > 8 {
            bytes[byte + 1] |= (spread >> 8) as u8;
        }
    }
    bytes
}

/// The first `count` codes, where there are that many.
pub fn unpack(bytes: &[u8], bits: u32, count: usize) -> Option<Vec<u8>> {
    let enough = (1..=8).contains(&bits) && bytes.len() >= packed_len(count, bits);
    let code = |i: usize| {
        let (byte, shift) = place(i, bits);
        let high = bytes.get(byte + 1).copied().unwrap_or(0);
        (u16::from_le_bytes([bytes[byte], high]) >> shift) as u8 & mask(bits)
    };
    enough.then(|| (0..count).map(code).collect())
}

/// Bytes that `count` codes take.
pub fn packed_len(count: usize, bits: u32) -> usize {
    (count * bits as usize).div_ceil(8)
}

fn mask(bits: u32) -> u8 {
    (0xff_u16 >> (8 - bits)) as u8
}

/// The byte and the bit where code `i` begins.
fn place(i: usize, bits: u32) -> (usize, u32) {
    let at = i * bits as usize;
    (at / 8, (at % 8) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn low_bits_come_first() {
        assert_eq!(pack(&[0x1, 0x2, 0xf], 4), [0x21, 0x0f]);
        assert_eq!(pack(&[0b101, 0b011, 0b110], 3), [0b1001_1101, 0b1]);
        assert_eq!(pack(&[1, 0, 0, 0, 0, 0, 0, 0, 1], 1), [1, 1]);
        assert_eq!(pack(&[], 5), [0; 0]);
        assert_eq!(unpack(&[0; 2], 3, 6), None);
        assert_eq!(unpack(&[0; 2], 9, 1), None);
    }

    proptest! {
        #[test]
        fn round_trip(codes in proptest::collection::vec(any::<u8>(), 0..99), bits in 1u32..=8) {
            let codes: Vec<u8> = codes.iter().map(|c| c & mask(bits)).collect();
            let bytes = pack(&codes, bits);
            prop_assert_eq!(bytes.len(), packed_len(codes.len(), bits));
            prop_assert_eq!(unpack(&bytes, bits, codes.len()), Some(codes));
        }
    }
}
