//! Commands of the geo group.

use super::{Generator, Step, argv};

pub(super) fn step(g: &mut Generator) -> Step {
    Step::one(argv!["EXISTS", g.key()])
}
