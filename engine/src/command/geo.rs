//! Places on the earth, kept in sorted sets.

use super::Spec;

pub(super) const COMMANDS: &[Spec] = &[];
