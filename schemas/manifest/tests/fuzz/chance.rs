//! Chance that is the same for one seed, on every machine and for ever.

/// SplitMix64. Source: <https://prng.di.unimi.it/splitmix64.c>.
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`, which is more than 0.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.number() % limit as u64) as usize
    }

    /// True once in `n` times.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn one_of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }

    /// Small numbers often, large ones seldom.
    pub fn some(&mut self, most: usize) -> usize {
        let limit = match self.below(20) {
            0..=11 => 3,
            12..=16 => 12,
            17..=18 => 100,
            _ => most,
        };
        1 + self.below(limit.min(most).max(1))
    }
}

#[test]
fn chance_is_the_same_everywhere() {
    let mut chance = Chance::new(1_234_567);
    assert_eq!([chance.number(), chance.number()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
}
