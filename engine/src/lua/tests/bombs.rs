//! Scripts that want too much: they get errors, and the state can be used again.

use super::*;

const LIMIT: usize = 64 << 20;

/// Runs it on a state with limited memory, which has to work afterwards.
fn bomb(source: &str) -> String {
    let mut lua = scripts();
    lua.set_memory_limit(LIMIT);
    let text = run_on(&mut lua, &mut TestHost::default(), source.as_bytes());
    assert_eq!(run_on(&mut lua, &mut TestHost::default(), b"return #('x'):rep(1000)"), ":1000", "after {source}");
    lua.collect();
    assert!(lua.memory() < 4 << 20, "{} after {source}", lua.memory());
    text
}

#[test]
fn memory_is_limited() {
    for source in [
        "return ('x'):rep(1024 * 1024 * 1024)",
        "local s = 'x' while true do s = s .. s end",
        "local t = {} while true do t[#t + 1] = ('x'):rep(1024 + #t) end",
        "return table.concat({('x'):rep(40 * 1024 * 1024), ('y'):rep(40 * 1024 * 1024)})",
        "return cjson.encode(cjson.decode('[' .. ('[],'):rep(2000000) .. '1]'))",
        "return cmsgpack.unpack('\\221\\0\\255\\255\\255' .. ('\\144'):rep(16777215))",
        "local t = {} while true do t = {t, function() return t end, coroutine.create(function() end)} end",
        "return redis.call('ECHO', ('x'):rep(40 * 1024 * 1024))",
        "return {pcall(function() local s = 'x' while true do s = s .. s end end)}",
    ] {
        let text = bomb(source);
        assert!(text.contains("not enough memory"), "{source}: {text}");
    }
    assert_eq!(bomb("return ('x'):rep(1024*1024*1024)"), "-ERR Error running script sha, not enough memory");
}

#[test]
fn recursion_ends_with_an_error() {
    for (source, part) in [
        ("local function f() return f() + 1 end return f()", "stack overflow"),
        ("local function f(...) return f(1, ...) + 1 end return f()", "-ERR "),
        ("local function f() return pcall(f) end return f()", ""),
        ("local function f() return coroutine.wrap(f)() end return f()", "C stack overflow"),
        ("local function f() return ('a'):gsub('a', f) end return f()", "C stack overflow"),
        ("local function f() table.sort({2, 1}, f) end return f()", "C stack overflow"),
        (
            "local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k + 1] end return t[1]",
            "overflow",
        ),
        ("local t = {} setmetatable(t, {__index = t}) return t.x", "loop in gettable"),
        ("return loadstring(('('):rep(100000))()", "attempt to call a nil value"),
        (
            "return select(2, loadstring('return ' .. ('('):rep(1000) .. '1' .. (')'):rep(1000)))",
            "chunk has too many syntax levels",
        ),
        ("return ('x'):rep(300000):find(('.-'):rep(300000) .. 'y')", "too complex"),
        ("return ('x'):rep(1000):find(('(x'):rep(40))", "too many captures"),
        ("return string.format('%99999d', 1)", "invalid format"),
        ("return unpack({}, 1, 1e8)", "too many results to unpack"),
        ("return {unpack({}, 1, 7900)}", "*0"),
        ("local t = {} t[1] = t return t", "reached lua stack limit"),
        ("local t = {} t[1] = t return {map={a=t}}", "reached lua stack limit"),
        ("local t = {} t[1] = t return cjson.encode(t)", "excessive nesting (1001)"),
        ("local t = {} t[1] = t cjson.encode_max_depth(2^31 - 1) return cjson.encode(t)", "excessive nesting (7988)"),
        ("return cjson.decode(('['):rep(1000000))", "too many nested data structures"),
        ("return cmsgpack.unpack(('\\145'):rep(1000000))", "stack overflow"),
        ("return cmsgpack.unpack(('\\1'):rep(1000000))", "stack overflow"),
        ("return struct.unpack(('b'):rep(100000), ('b'):rep(100000))", "stack overflow"),
        ("return string.byte(('x'):rep(100000), 1, -1)", "string slice too long"),
        ("return ('x'):rep(100000):gsub('', '%0%0%0')", "*1"),
        ("local t = {} for i = 1, 9000 do t[i] = 'x' end return redis.call('COUNT', unpack(t))", "too many results"),
    ] {
        let text = bomb(source);
        let part = if part == "*1" { "$xxx" } else { part };
        assert!(text.contains(part), "{source}: {}", &text[..text.len().min(200)]);
    }
}

#[test]
fn deep_values_need_no_deep_stack() {
    // Far less than what a thread has.
    let small = std::thread::Builder::new().stack_size(512 << 10);
    let thread = small.spawn(|| {
        let mut lua = scripts();
        for source in [
            "local t = {} for i = 1, 7000 do t = {t} end return t",
            "local t = {} for i = 1, 3000 do t = {map={a=t}} end return t",
            "cjson.encode_max_depth(7900) local t = {} for i = 1, 7000 do t = {t} end return #cjson.encode(t)",
            "return type(cmsgpack.unpack(('\\145'):rep(3900) .. '\\1'))",
            "return type(cjson.decode(('['):rep(1000) .. (']'):rep(1000)))",
        ] {
            let text = run_on(&mut lua, &mut TestHost::default(), source.as_bytes());
            assert!(!text.starts_with('-') && !text.contains("stack limit"), "{source}: {}", &text[..100]);
        }
    });
    thread.unwrap().join().unwrap();
}

#[test]
fn a_hundred_thousand_scripts_take_no_more_memory_than_a_few() {
    let mut lua = scripts();
    let before = lua.memory();
    for i in 0..100_000 {
        let script = lua.compile(format!("return 'script number {i}'").as_bytes()).unwrap();
        lua.forget(script);
    }
    assert!(lua.memory() < before + (2 << 20), "{before}, and then {}", lua.memory());
    lua.collect();
    assert!(lua.memory() < before + (64 << 10), "{before}, and in the end {}", lua.memory());
}

#[test]
fn what_scripts_leave_is_collected_on_the_way() {
    let mut lua = scripts();
    let script = lua.compile(b"local t = {} for i = 1, 100 do t[i] = {i} end return #t").unwrap();
    let mut largest = 0;
    for _ in 0..5_000 {
        let call = Call { script: &script, name: "sha", keys: &[b"k"], args: &[b"a", b"b"] };
        lua.run(call, &mut TestHost::default(), &mut Text::default()).unwrap();
        largest = largest.max(lua.memory());
    }
    assert!(largest < 2 << 20, "{largest}");
}

#[test]
fn a_script_cannot_stop_the_collector() {
    let mut lua = scripts();
    let mut host = TestHost::default();
    run_on(&mut lua, &mut host, b"collectgarbage('stop') collectgarbage('setpause', 100000)");
    for _ in 0..2_000 {
        run_on(&mut lua, &mut host, b"local t = {} for i = 1, 100 do t[i] = {i} end");
    }
    assert!(lua.memory() < 2 << 20, "{}", lua.memory());
}
