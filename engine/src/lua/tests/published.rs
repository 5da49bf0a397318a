//! The cases that were published against Lua 5.1 and against scripts of Redis, one by one.

use super::*;

/// CVE-2014-5461: the copies of fixed parameters went beyond the stack, into what the allocator has there.
#[test]
fn cve_2014_5461_parameters_of_vararg_functions() {
    let names: Vec<String> = (0..190).map(|i| format!("p{i}")).collect();
    let source = format!(
        "local function f({}, ...) local rest = ... return p189 end \
         local function deep(n) if n == 0 then return f() end return (deep(n - 1)) end \
         for n = 1, 300 do coroutine.wrap(function() deep(n) end)() end return f(1)",
        names.join(", ")
    );
    assert_eq!(run(&source), "_");
}

/// CVE-2015-4335 and its kind: bytecode is not verified, so it is never run.
#[test]
fn cve_2015_4335_bytecode() {
    assert_eq!(run("return string.dump"), "_");
    let text = run("local f, e = loadstring('\\27Lua\\81\\0\\1\\4\\8\\4\\8\\0') return {tostring(f), e}");
    assert!(text.starts_with("*2 $nil $[string \""), "{text}");
    let text = run(
        "local once = true local f, e = load(function() if once then once = false return '\\27Lua' end end) return {tostring(f), e}",
    );
    assert!(text.starts_with("*2 $nil"), "{text}");
    assert!(scripts().compile(b"\x1bLua\x51\x00\x01\x04\x08\x04\x08\x00").is_err());
}

/// CVE-2018-11219 and CVE-2020-14147: sizes in a format of `struct` overflowed.
#[test]
fn cve_2018_11219_and_2020_14147_sizes_in_struct() {
    for source in [
        "return struct.pack('i2147483648', 1)",
        "return struct.unpack('c99999999999999999999', 'x')",
        "return struct.size('I4294967297')",
        "return struct.unpack('!2147483649i', 'xxxx')",
    ] {
        assert!(run(source).contains("integral size overflow"), "{source}: {}", run(source));
    }
    assert!(run("return struct.unpack('c2147483647c2147483647c2147483647', ('x'):rep(10))").contains("too short"));
    assert!(run("return struct.unpack('bc0', '\\255abc')").contains("too short"));
    assert!(run("return struct.unpack('b', 'abc', 2^53)").contains("too short"));
}

/// CVE-2021-32626: functions in C pushed more than the stack had room for.
#[test]
fn cve_2021_32626_results_without_room() {
    for n in [19, 20, 21, 39, 40, 41, 100, 1000, 7000] {
        assert_eq!(run(&format!("return select('#', cmsgpack.unpack(('\\1'):rep({n})))")), format!(":{n}"));
        let one_more = n + 1;
        assert_eq!(
            run(&format!("return select('#', struct.unpack(('b'):rep({n}), ('b'):rep({n})))")),
            format!(":{one_more}")
        );
        let deep =
            format!("local t = {{}} for i = 1, {n} do t = {{t}} end return type(cmsgpack.pack(t)) .. #tostring(t)");
        assert!(run(&deep).starts_with("$string"));
    }
}

/// CVE-2022-24735: a script changed what others see.
#[test]
fn cve_2022_24735_globals_of_other_scripts() {
    let mut lua = scripts();
    for source in [
        "redis.call = function() end",
        "rawset(redis, 'call', 1)",
        "table.insert(redis, 1)",
        "string.rep = nil",
        "cjson.encode = nil",
        "math.huge = 0",
        "bit.band = 1 ",
        "KEYS = 1",
        "x = 1",
        "_G.x = 1",
        "rawset(_G, 'x', 1)",
        "setmetatable(_G, {})",
        "setmetatable(redis, {})",
        "getmetatable(_G).__index = 1",
        "rawset(getmetatable(_G), '__index', nil)",
    ] {
        let text = run_on(&mut lua, &mut TestHost::default(), source.as_bytes());
        assert!(text.contains("Attempt to modify a readonly table"), "{source}: {text}");
    }
    let text = run_on(&mut lua, &mut TestHost::default(), b"return redis.call('ECHO', ('ab'):rep(2))");
    assert_eq!(text, "$abab");
}

/// CVE-2024-31449: `bit.tohex` with the least of all numbers of digits.
#[test]
fn cve_2024_31449_digits_of_tohex() {
    assert_eq!(run("return bit.tohex(65535, -2147483648)"), "$0000FFFF");
}

/// CVE-2024-46981: what scripts left was collected when half of the state was gone.
#[test]
fn cve_2024_46981_the_end_of_a_state() {
    for _ in 0..20 {
        let mut lua = scripts();
        let source = b"local t = setmetatable({}, {__gc=function() end, __mode='k'}) t[t] = cjson.new() \
                       local c = coroutine.wrap(function() coroutine.yield(t) end) c() return 1";
        assert_eq!(run_on(&mut lua, &mut TestHost::default(), source), ":1");
        drop(lua);
    }
}

/// CVE-2025-46817: the count of `unpack` overflowed.
#[test]
fn cve_2025_46817_the_count_of_unpack() {
    for range in ["-2147483648, 2147483647", "0, 2147483647", "-1, 2147483646", "1, 2147483647", "-2147483647, 10"] {
        assert!(run(&format!("return unpack({{1}}, {range})")).contains("too many results to unpack"), "{range}");
    }
    assert_eq!(run("return {unpack({1}, 2147483647, 2147483647)}"), "*0");
    assert_eq!(run("return {unpack({1, 2, 3}, 2)}"), "*2 :2 :3");
    assert_eq!(run("return {unpack({1}, 2147483647, -2147483648)}"), "*0");
}

/// CVE-2025-46818: a script changed the metatable of all strings.
#[test]
fn cve_2025_46818_metatables_of_basic_types() {
    let mut lua = scripts();
    for source in [
        "getmetatable('').__index = function() return 'mine' end",
        "rawset(getmetatable(''), '__add', function() end)",
        "setmetatable(getmetatable(''), {})",
        "getmetatable('').__index.rep = nil",
    ] {
        let text = run_on(&mut lua, &mut TestHost::default(), source.as_bytes());
        assert!(text.contains("Attempt to modify a readonly table"), "{source}: {text}");
    }
    assert_eq!(run_on(&mut lua, &mut TestHost::default(), b"return setmetatable == nil"), "_");
    assert!(run("return setmetatable('x', {})").contains("table expected"));
    assert_eq!(run("return {getmetatable(1) or 1, getmetatable(nil) or 2, getmetatable(true) or 3}"), "*3 :1 :2 :3");
}

/// CVE-2025-46819: the signs of a long bracket were counted in an int.
#[test]
fn cve_2025_46819_long_brackets() {
    for (source, text) in [
        ("return [[a]]", "$a"),
        ("return [==[a]=]b]]c]==]", "$a]=]b]]c"),
        ("return #[[\n]]", ":0"),
        ("local t = {1} return t[1]", ":1"),
        ("--[==[ comment ]] ]==] return 1", ":1"),
        ("--[=x\nreturn 2", ":2"),
        ("--[\nreturn 3", ":3"),
    ] {
        assert_eq!(run(source), text, "{source}");
    }
    assert!(run("return [==x").contains("invalid long string delimiter near '[=='"));
    assert!(run("return [=[a]]").contains("unfinished long string near '<eof>'"));
    let signs = "=".repeat(3 << 20);
    assert_eq!(run(&format!("return [{signs}[a]{signs}]")), "$a");
}

/// CVE-2025-49844: the chunk's name was freed while the parser used it.
#[test]
fn cve_2025_49844_the_name_of_a_chunk() {
    // Nobody but the parser has the name `=(load)` when it asks for the first piece of source. What is made then is as
    // long, and takes its place.
    let source = "local first, kept = true, {} \
                  local f, e = load(function() \
                    if not first then return nil end \
                    first = false \
                    collectgarbage() collectgarbage() \
                    for i = 1000, 9999 do kept[i] = 'abc' .. i end \
                    return 'x x' \
                  end) return e";
    assert_eq!(run(source), "$(load):1: '=' expected near 'x'");
}
