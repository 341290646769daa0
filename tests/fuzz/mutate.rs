//! Makes hostile inputs of good ones: pieces are cut, doubled, repeated, exchanged, and words of the language put between.
//! What is made depends on the seed alone.

use fastrand::Rng;

/// Bytes of the largest input: bounds on larger ones have tests of their own.
const LARGEST: usize = 64 << 10;

/// Good inputs, and words that mean something in their language.
pub struct Corpus {
    /// Inputs to begin with.
    pub inputs: Vec<Vec<u8>>,
    /// Words to put between.
    pub words: &'static [&'static str],
}

impl Corpus {
    /// One of the inputs, changed once or several times; seldom as it is.
    pub fn hostile(&self, rng: &mut Rng) -> Vec<u8> {
        let mut input = self.inputs[rng.usize(..self.inputs.len())].clone();
        let changes = [0, 1, 1, 1, 2, 2, 3, 5, 12][rng.usize(..9)];
        for _ in 0..changes {
            self.change(&mut input, rng);
        }
        input.truncate(LARGEST);
        input
    }

    fn change(&self, input: &mut Vec<u8>, rng: &mut Rng) {
        let at = rng.usize(..=input.len());
        match rng.u8(..9) {
            0 if at < input.len() => input[at] = rng.u8(..),
            1 => drop(input.drain(range(input.len(), rng))),
            2 => {
                let piece = input[range(input.len(), rng)].to_vec();
                input.splice(at..at, piece);
            }
            3 => {
                let piece = input[range(input.len().min(24), rng)].to_vec();
                self.repeat(input, at, &piece, rng);
            }
            4 | 5 => {
                let word = self.words[rng.usize(..self.words.len())].as_bytes();
                input.splice(at..at, word.iter().copied());
            }
            6 => {
                let word = self.words[rng.usize(..self.words.len())].as_bytes().to_vec();
                self.repeat(input, at, &word, rng);
            }
            7 => {
                let other = &self.inputs[rng.usize(..self.inputs.len())];
                let piece = other[range(other.len(), rng)].to_vec();
                input.splice(at..at, piece);
            }
            _ => number(input, at, rng),
        }
    }

    /// Depth and length: a piece many times over.
    fn repeat(&self, input: &mut Vec<u8>, at: usize, piece: &[u8], rng: &mut Rng) {
        let times = [3, 20, 130, 500, 5000][rng.usize(..5)].min(LARGEST / piece.len().max(1));
        input.splice(at..at, piece.repeat(times));
    }
}

/// A number becomes one at the edge of something.
fn number(input: &mut Vec<u8>, at: usize, rng: &mut Rng) {
    const EDGES: [&str; 10] = [
        "0",
        "-1",
        "4294967296",
        "9223372036854775807",
        "18446744073709551616",
        "1e999",
        "-0.0",
        "99999999999999999999999999999999999999999",
        "1_000",
        "0x7fffffff",
    ];
    let Some(from) = (at..input.len()).find(|n| input[*n].is_ascii_digit()) else { return };
    let to = (from..input.len()).find(|n| !input[*n].is_ascii_digit()).unwrap_or(input.len());
    input.splice(from..to, EDGES[rng.usize(..EDGES.len())].bytes());
}

fn range(length: usize, rng: &mut Rng) -> std::ops::Range<usize> {
    let from = rng.usize(..=length);
    let most = [1, 8, 64, 1024][rng.usize(..4)];
    from..(from + rng.usize(..=most)).min(length)
}
