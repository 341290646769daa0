//! CPython's `random.Random(seed)`: the Mersenne Twister and what is drawn from it, number for number.
//!
//! Roles use seeds to get the same "random" minute or order on every run; a node must draw what Ansible drew.
//! Nothing here is fit for secrets: unseeded choices and salts come from the kernel ([`system`]).

use sha2::{Digest, Sha512};

const N: usize = 624;
const M: usize = 397;

/// A seeded generator.
pub struct Twister {
    state: [u32; N],
    index: usize,
}

/// What a generator may be seeded with.
pub enum Seed<'a> {
    /// An integer; its sign is ignored.
    Int(i128),
    /// Text or bytes.
    Bytes(&'a [u8]),
}

impl Twister {
    /// `random.Random(seed)`.
    pub fn new(seed: &Seed<'_>) -> Twister {
        let key = match seed {
            Seed::Int(number) => words(&number.unsigned_abs().to_be_bytes()),
            Seed::Bytes(bytes) => {
                let mut whole = bytes.to_vec();
                whole.extend_from_slice(&Sha512::digest(bytes));
                words(&whole)
            }
        };
        Twister::from_key(&key)
    }

    fn from_key(key: &[u32]) -> Twister {
        let mut state = [0u32; N];
        state[0] = 19_650_218;
        for i in 1..N {
            let previous = state[i - 1];
            state[i] = 1_812_433_253u32.wrapping_mul(previous ^ (previous >> 30)).wrapping_add(i as u32);
        }
        let (mut i, mut j) = (1, 0);
        for _ in 0..N.max(key.len()) {
            let previous = state[i - 1];
            state[i] = (state[i] ^ (previous ^ (previous >> 30)).wrapping_mul(1_664_525))
                .wrapping_add(key[j])
                .wrapping_add(j as u32);
            i += 1;
            j = (j + 1) % key.len();
            if i >= N {
                state[0] = state[N - 1];
                i = 1;
            }
        }
        for _ in 0..N - 1 {
            let previous = state[i - 1];
            state[i] = (state[i] ^ (previous ^ (previous >> 30)).wrapping_mul(1_566_083_941)).wrapping_sub(i as u32);
            i += 1;
            if i >= N {
                state[0] = state[N - 1];
                i = 1;
            }
        }
        state[0] = 0x8000_0000;
        Twister { state, index: N }
    }

    fn refill(&mut self) {
        for i in 0..N {
            let y = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % N] & 0x7fff_ffff);
            let odd = if y & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[i] = self.state[(i + M) % N] ^ (y >> 1) ^ odd;
        }
        self.index = 0;
    }

    fn word(&mut self) -> u32 {
        if self.index >= N {
            self.refill();
        }
        let mut y = self.state[self.index];
        self.index += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }
}

/// A source of random numbers as Python's `Random` and `SystemRandom` are.
pub trait Source {
    /// `getrandbits(bits)` for at most 128 bits.
    fn bits(&mut self, bits: u32) -> std::io::Result<u128>;

    /// A number below `bound`, which is not 0.
    fn below(&mut self, bound: u128) -> std::io::Result<u128> {
        let bits = 128 - bound.leading_zeros();
        loop {
            let drawn = self.bits(bits)?;
            if drawn < bound {
                return Ok(drawn);
            }
        }
    }

    /// `random.shuffle`.
    fn shuffle<T>(&mut self, list: &mut [T]) -> std::io::Result<()>
    where
        Self: Sized,
    {
        for i in (1..list.len()).rev() {
            let j = self.below(i as u128 + 1)? as usize;
            list.swap(i, j);
        }
        Ok(())
    }
}

impl Source for Twister {
    fn bits(&mut self, bits: u32) -> std::io::Result<u128> {
        let mut value = 0u128;
        let mut done = 0;
        while done < bits {
            let take = (bits - done).min(32);
            value |= u128::from(self.word() >> (32 - take)) << done;
            done += take;
        }
        Ok(value)
    }
}

/// The kernel's random numbers.
pub struct System;

impl Source for System {
    fn bits(&mut self, bits: u32) -> std::io::Result<u128> {
        let mut bytes = [0u8; 16];
        system(&mut bytes)?;
        Ok(u128::from_le_bytes(bytes) >> (128 - bits.max(1)))
    }
}

/// Fills `bytes` from the kernel's generator.
pub fn system(bytes: &mut [u8]) -> std::io::Result<()> {
    use std::io::Read;
    std::fs::File::open("/dev/urandom")?.read_exact(bytes)
}

/// The 32-bit words of a big-endian number, least significant first, without leading zeros.
fn words(bytes: &[u8]) -> Vec<u32> {
    let mut words: Vec<u32> =
        bytes.rchunks(4).map(|chunk| chunk.iter().fold(0u32, |word, byte| (word << 8) | u32::from(*byte))).collect();
    while words.len() > 1 && words.last() == Some(&0) {
        words.pop();
    }
    words
}

#[cfg(test)]
mod tests {
    //! Expected values: `random.Random(seed)` of CPython 3.11.
    use super::{Seed, Source, Twister};

    fn draws(seed: &Seed<'_>, bits: u32) -> Vec<u128> {
        let mut twister = Twister::new(seed);
        (0..3).map(|_| twister.bits(bits).expect("the twister does no I/O")).collect()
    }

    #[test]
    fn integers_seed_as_in_python() {
        // [random.Random(42).getrandbits(32) for _ in range(3)]
        assert_eq!(draws(&Seed::Int(42), 32), R42);
        assert_eq!(draws(&Seed::Int(-42), 32), R42);
        assert_eq!(draws(&Seed::Int(1 << 70), 64), BIG);
    }

    #[test]
    fn text_seeds_as_in_python() {
        assert_eq!(draws(&Seed::Bytes(b"node-1"), 7), NODE);
        assert_eq!(draws(&Seed::Bytes(b""), 32), EMPTY);
    }

    #[test]
    fn shuffles_as_python() {
        let mut list: Vec<u32> = (0..10).collect();
        Twister::new(&Seed::Bytes(b"abc")).shuffle(&mut list).expect("the twister does no I/O");
        assert_eq!(list, SHUFFLED);
    }

    const R42: [u128; 3] = [2746317213, 478163327, 107420369];
    const BIG: [u128; 3] = [17526134817112457988, 9032056847900723663, 14927063996242422567];
    const NODE: [u128; 3] = [29, 63, 14];
    const EMPTY: [u128; 3] = [4124137760, 1951988028, 2557274880];
    const SHUFFLED: [u32; 10] = [4, 3, 0, 9, 1, 2, 6, 5, 7, 8];
}
