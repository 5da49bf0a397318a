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
