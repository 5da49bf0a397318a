//! Listpacks from strangers: they are refused, or survive being walked, searched and edited.

#![no_main]

use carnelian::value::listpack::{Item, Listpack};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Vec<(u8, u8, &[u8])>, &[u8])| {
    let (edits, bytes) = input;
    let Ok(mut pack) = Listpack::from_bytes(bytes) else { return };
    assert_eq!(pack.as_bytes(), bytes);
    let mut model: Vec<Vec<u8>> = pack.iter().map(Item::to_vec).collect();
    for (kind, at, text) in edits {
        let at = usize::from(at) % (model.len() + 1);
        let Some(pos) = pack.seek(at as isize) else {
            pack.push_back(text);
            model.push(text.to_vec());
            continue;
        };
        match kind % 5 {
            0 => {
                pack.insert(pos, text);
                model.insert(at, text.to_vec());
            }
            1 => {
                pack.replace(pos, text);
                model[at] = text.to_vec();
            }
            2 => {
                pack.remove_at(pos, text.len());
                model.drain(at..(at + text.len()).min(model.len()));
            }
            3 => {
                let tail = pack.split_off(pos);
                pack.append(&tail);
            }
            _ => {
                let found = pack.find(pos, text, 0).map(|pos| pack.get(pos).to_vec());
                assert_eq!(found.is_some(), model[at..].iter().any(|own| own == text));
            }
        }
    }
    assert!(pack.iter().map(Item::to_vec).eq(model.iter().cloned()));
    assert!(pack.iter().rev().map(Item::to_vec).eq(model.iter().rev().cloned()));
    assert_eq!(pack.len(), model.len());
    assert!(Listpack::from_bytes(pack.as_bytes()).is_ok());
});
