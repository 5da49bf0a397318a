//! What scripts see.

use super::*;

/// The globals of Redis 7.0, with `server` for Valkey's scripts.
const GLOBALS: &str = "ARGV KEYS _G _VERSION __redis__err__handler assert bit cjson cmsgpack collectgarbage coroutine \
                       error gcinfo getmetatable ipairs load loadstring math next pairs pcall rawequal rawget rawset \
                       redis select server setmetatable string struct table tonumber tostring type unpack xpcall";

fn names(table: &str) -> String {
    let source = format!(
        "local t = {{}} for k in pairs({table}) do t[#t + 1] = k end table.sort(t) return table.concat(t, ' ')"
    );
    run(&source).trim_start_matches('$').to_owned()
}

#[test]
fn globals_are_those_of_redis() {
    let expected: Vec<&str> = GLOBALS.split_whitespace().collect();
    assert_eq!(names("_G"), expected.join(" "));
}

#[test]
fn libraries_have_what_redis_has() {
    for (table, expected) in [
        ("bit", "arshift band bnot bor bswap bxor lshift rol ror rshift tobit tohex"),
        ("struct", "pack size unpack"),
        (
            "cjson",
            "_NAME _VERSION decode decode_invalid_numbers encode encode_invalid_numbers encode_keep_buffer \
             encode_max_depth encode_number_precision encode_sparse_array new null",
        ),
        ("cmsgpack", "_COPYRIGHT _DESCRIPTION _NAME _VERSION pack unpack unpack_limit unpack_one"),
        ("coroutine", "create resume running status wrap yield"),
        ("string", "byte char find format gfind gmatch gsub len lower match rep reverse sub upper"),
        ("table", "concat foreach foreachi getn insert maxn remove setn sort"),
        (
            "math",
            "abs acos asin atan atan2 ceil cos cosh deg exp floor fmod frexp huge ldexp log log10 max min mod modf pi \
             pow rad random randomseed sin sinh sqrt tan tanh",
        ),
        (
            "redis",
            "LOG_DEBUG LOG_NOTICE LOG_VERBOSE LOG_WARNING REDIS_VERSION REDIS_VERSION_NUM REPL_ALL REPL_AOF REPL_NONE \
             REPL_REPLICA REPL_SLAVE acl_check_cmd breakpoint call debug error_reply log pcall replicate_commands \
             set_repl setresp sha1hex status_reply",
        ),
    ] {
        assert_eq!(names(table), expected, "{table}");
    }
}

#[test]
fn what_is_not_there_is_an_error() {
    for name in ["print", "dofile", "loadfile", "require", "os", "io", "debug", "setfenv", "getfenv", "newproxy", "x"] {
        let text = format!(
            "-ERR user_script:1: Script attempted to access nonexistent global variable '{name}' script: sha, on @user_script:1."
        );
        assert_eq!(run(&format!("return {name}")), text);
    }
    assert_eq!(run("return redis.nothing"), "_");
}

#[test]
fn keys_and_arguments_are_their_scripts_own() {
    let mut lua = scripts();
    assert_eq!(
        run_on(&mut lua, &mut TestHost::default(), b"KEYS[1] = 'changed' ARGV.x = 1 return KEYS[1]"),
        "$changed"
    );
    assert_eq!(run_on(&mut lua, &mut TestHost::default(), b"return {KEYS[1], ARGV.x or 'none'}"), "*2 $k1 $none");
    // All that can be found out about the two.
    let look = b"local seen = {}
        for _, list in ipairs({KEYS, ARGV}) do
            for k, v in pairs(list) do seen[#seen + 1] = type(k) .. ':' .. k .. '=' .. v end
            seen[#seen + 1] = #list .. (getmetatable(list) and 'meta' or '')
        end
        return table.concat(seen, ' ')";
    let fresh = run_on(&mut scripts(), &mut TestHost::default(), look);
    for disturbed in [
        "KEYS[1] = nil",
        "KEYS[#KEYS + 1] = 'more'",
        "KEYS[0] = 'before'",
        "KEYS[1.5] = 'between'",
        "KEYS['1'] = 'text'",
        "KEYS[1], KEYS[2] = KEYS[2], KEYS[1]",
        "for i = 1, 100 do ARGV[i] = i end for i = 1, 100 do ARGV[i] = nil end",
        "for i = #ARGV, 1, -1 do ARGV[i] = nil end for i = 1, 2 do ARGV[-i] = i end",
        "table.insert(ARGV, 1, 'first')",
        "table.remove(KEYS)",
        "setmetatable(KEYS, {__index = function() return 'made up' end, __newindex = function() end})",
        "setmetatable(ARGV, {__mode = 'k'})",
        "local t = setmetatable({KEYS, ARGV}, {__mode = 'v'}) KEYS[3] = t",
        "local c = coroutine.wrap(function() coroutine.yield(KEYS) end) c() ARGV[1] = {c}",
    ] {
        run_on(&mut lua, &mut TestHost::default(), disturbed.as_bytes());
        assert_eq!(run_on(&mut lua, &mut TestHost::default(), look), fresh, "after {disturbed}");
        assert_eq!(run_on(&mut lua, &mut TestHost::default(), look), fresh, "and again");
    }
}

#[test]
fn lists_of_any_length_follow_one_another() {
    let mut lua = scripts();
    let script = lua.compile(b"return {#KEYS, #ARGV, table.concat(KEYS, ' '), table.concat(ARGV, ' ')}").unwrap();
    let all: Vec<Vec<u8>> = (0..40).map(|n| n.to_string().into_bytes()).collect();
    let all: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
    let joined = |items: &[&[u8]]| items.iter().map(|item| String::from_utf8_lossy(item)).collect::<Vec<_>>().join(" ");
    for (keys, args) in
        [(0, 0), (0, 0), (1, 1), (1, 1), (3, 0), (3, 2), (2, 3), (16, 17), (16, 17), (17, 16), (1, 40), (0, 1)]
    {
        let (keys, args) = (&all[..keys], &all[40 - args..]);
        let mut text = Text::default();
        lua.run(Call { script: &script, name: "sha", keys, args }, &mut TestHost::default(), &mut text).unwrap();
        let got = String::from_utf8_lossy(&text.0);
        assert_eq!(got, format!("*4 :{} :{} ${} ${}", keys.len(), args.len(), joined(keys), joined(args)));
    }
}

#[test]
fn rust_is_not_to_be_seen() {
    for source in [
        "local ok, e = pcall(bit.band, {}) return {type(e), e}",
        "local ok, e = pcall(cjson.decode, '[') return {type(e), e}",
        "local ok, e = pcall(redis.log) return {type(e), e}",
        "local ok, e = xpcall(function() return struct.pack('q') end, function(e) return e end) return {type(e), e}",
    ] {
        assert!(run(source).starts_with("*2 $string $"), "{source}: {}", run(source));
    }
    assert_eq!(run("return {pcall(cmsgpack.pack)}"), "*2 _ $bad argument #0 to '?' (MessagePack pack needs input.)");
    assert!(run("return bit.band('x')").contains("bad argument #1 to 'band' (number expected, got string)"));
}
