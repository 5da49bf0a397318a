//! A script that was ended: nothing of it runs on, whatever it does.

use super::*;

const ENDED: &str = "-ERR Script killed by user with SCRIPT KILL. script: sha, on @user_script:";

#[test]
fn an_ended_script_runs_no_further() {
    for source in [
        "while true do end",
        "while true do pcall(function() while true do end end) end redis.call('AFTER')",
        "pcall(function() while true do end end) redis.call('AFTER')",
        "xpcall(function() while true do end end, function() redis.call('AFTER') end) redis.call('AFTER')",
        "coroutine.resume(coroutine.create(function() while true do end end)) redis.call('AFTER')",
        "pcall(coroutine.wrap(function() while true do end end)) redis.call('AFTER')",
        "local function f() pcall(function() while true do end end) redis.call('AFTER') end pcall(f) f()",
        "while true do coroutine.wrap(function() end)() end",
        "while true do coroutine.resume(coroutine.create(function() pcall(function() end) end)) end",
        "table.sort({3, 2, 1}, function() while true do end end) redis.call('AFTER')",
        "local s = ('a'):gsub('a', function() while true do end end) redis.call('AFTER')",
        "local t = setmetatable({}, {__index=function() while true do end end}) pcall(function() return t.x end) redis.call('AFTER')",
        "xpcall(function() error('x') end, function() while true do end end) redis.call('AFTER')",
        "load(function() while true do end end) redis.call('AFTER')",
    ] {
        let mut lua = scripts();
        let mut host = TestHost { patience: Some(2), ..TestHost::default() };
        let text = run_on(&mut lua, &mut host, source.as_bytes());
        assert!(text.starts_with(ENDED), "{source}: {text}");
        assert!(host.calls.is_empty(), "{source}");
        // The state is as good as new.
        host.patience = None;
        assert_eq!(run_on(&mut lua, &mut host, b"return pcall(function() error('caught') end)"), "_");
    }
}

#[test]
fn scripts_go_on_while_the_host_lets_them() {
    let mut host = TestHost { patience: Some(1_000_000), ..TestHost::default() };
    let text = run_on(&mut scripts(), &mut host, b"local n = 0 for i = 1, 1000000 do n = n + 1 end return n");
    assert_eq!(text, ":1000000");
    let asked = 1_000_000 - host.patience.unwrap();
    assert!((10..=40).contains(&asked), "asked {asked} times");
}

#[test]
fn short_coroutines_are_counted_together() {
    let mut host = TestHost { patience: Some(1_000_000), ..TestHost::default() };
    let source = b"for i = 1, 1000 do coroutine.wrap(function() for j = 1, 1000 do end end)() end";
    run_on(&mut scripts(), &mut host, source);
    assert!(host.patience.unwrap() <= 1_000_000 - 9, "each began to count anew");
}
