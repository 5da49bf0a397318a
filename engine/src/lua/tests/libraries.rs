//! Loading libraries of functions.

use super::*;

fn load(source: &str) -> std::result::Result<Vec<LoadedFunction>, String> {
    load_on(&mut Interpreter::new(Dialect::Functions).unwrap(), source)
}

fn load_on(lua: &mut Interpreter, source: &str) -> std::result::Result<Vec<LoadedFunction>, String> {
    let mut loaded = Vec::new();
    let outcome = lua.load_library(format!("\n{source}").as_bytes(), &mut TestHost::default(), &mut |f| loaded.push(f));
    outcome.map(|()| loaded).map_err(|error| error.text().into_owned())
}

fn call(lua: &mut Interpreter, function: &LoadedFunction) -> String {
    let mut text = Text::default();
    let call = Call { script: &function.script, name: &function.name, keys: &[b"k1"], args: &[b"a1", b"a2"] };
    match lua.run(call, &mut TestHost::default(), &mut text) {
        Ok(()) => String::from_utf8_lossy(&text.0).into_owned(),
        Err(failure) => format!("-{}", failure.error.text()),
    }
}

#[test]
fn functions_are_registered_in_both_forms() {
    let mut lua = Interpreter::new(Dialect::Functions).unwrap();
    let source = "local n = 0 \
                  redis.register_function('first', function(keys, args) n = n + 1 return {keys[1], args[2], #args, n} end) \
                  redis.register_function{function_name='second', callback=function() return redis.call('ECHO', 'x') end, \
                  flags={'no-writes', 'ALLOW-OOM'}, description='two'}";
    let loaded = load_on(&mut lua, source).unwrap();
    assert_eq!(loaded.len(), 2);
    assert_eq!(
        (loaded[0].name.as_str(), loaded[0].flags, &loaded[0].description),
        ("first", FunctionFlags::empty(), &None)
    );
    assert_eq!(loaded[1].flags, FunctionFlags::NO_WRITES | FunctionFlags::ALLOW_OOM);
    assert_eq!(loaded[1].description.as_deref(), Some(&b"two"[..]));
    assert_eq!(call(&mut lua, &loaded[0]), "*4 $k1 $a2 :2 :1");
    // A library's own variables live on.
    assert_eq!(call(&mut lua, &loaded[0]), "*4 $k1 $a2 :2 :2");
    assert_eq!(call(&mut lua, &loaded[1]), "$x");
}

#[test]
fn loading_fails_in_redis_words() {
    let registering = "ERR Error registering functions: ";
    for (source, text) in [
        ("xx(", "ERR Error compiling function: user_function:2: unexpected symbol near '<eof>'".to_owned()),
        ("return 1", "ERR No functions registered".to_owned()),
    ] {
        assert_eq!(load(source).unwrap_err(), text, "{source}");
    }
    for (source, text) in [
        ("redis.call('PING')", "ERR user_function:2: Script attempted to access nonexistent global variable 'call'"),
        ("x = 1", "ERR user_function:2: Attempt to modify a readonly table"),
        ("return math", "ERR user_function:2: Script attempted to access nonexistent global variable 'math'"),
        ("redis.register_function()", "ERR wrong number of arguments to redis.register_function"),
        (
            "redis.register_function('a')",
            "ERR calling redis.register_function with a single argument is only applicable to Lua table (representing named arguments).",
        ),
        ("redis.register_function({}, 1)", "ERR first argument to redis.register_function must be a string"),
        ("redis.register_function('a', 1)", "ERR second argument to redis.register_function must be a function"),
        (
            "redis.register_function('a b', function() end)",
            "ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one character long",
        ),
        (
            "local f = function() end redis.register_function('a', f) redis.register_function('a', f)",
            "ERR Function already exists in the library",
        ),
        ("redis.register_function{function_name='a'}", "ERR redis.register_function must get a callback argument"),
        (
            "redis.register_function{callback=function() end}",
            "ERR redis.register_function must get a function name argument",
        ),
        ("redis.register_function{function_name='a', callback=function() end, flags={'x'}}", "ERR unknown flag given"),
        ("redis.register_function{1}", "ERR unknown argument given to redis.register_function"),
    ] {
        assert_eq!(load(source).unwrap_err(), format!("{registering}{text}"), "{source}");
    }
}

#[test]
fn functions_have_the_globals_of_functions() {
    let mut lua = Interpreter::new(Dialect::Functions).unwrap();
    for (body, text) in [
        (
            "return KEYS",
            "-ERR user_function:2: Script attempted to access nonexistent global variable 'KEYS' script: f, on @user_function:2.",
        ),
        ("x = 1", "-ERR user_function:2: Attempt to modify a readonly table script: f, on @user_function:2."),
        ("return redis.register_function == nil", ":1"),
        ("return cjson.encode({1})", "$[1]"),
        ("return _G.math == math", ":1"),
        ("_G.x = 1", "-ERR user_function:2: Attempt to modify a readonly table script: f, on @user_function:2."),
    ] {
        let loaded = load_on(&mut lua, &format!("redis.register_function('f', function() {body} end)")).unwrap();
        assert_eq!(call(&mut lua, &loaded[0]), text, "{body}");
    }
}

#[test]
fn a_library_that_does_not_end_is_ended() {
    let mut lua = Interpreter::new(Dialect::Functions).unwrap();
    let mut host = TestHost { patience: Some(1), ..TestHost::default() };
    let error = lua.load_library(b"while true do end", &mut host, &mut |_| panic!("registered")).unwrap_err();
    assert_eq!(error.text(), "ERR Error registering functions: ERR Script killed by user with SCRIPT KILL.");
    assert!(load_on(&mut lua, "redis.register_function('f', function() end)").is_ok());
}

#[test]
fn forgotten_libraries_take_no_memory() {
    let mut lua = Interpreter::new(Dialect::Functions).unwrap();
    let before = lua.memory();
    for i in 0..2_000 {
        let source = format!(
            "local s = ('x' .. {i}) redis.register_function('f', function() return s, '{}' end)",
            "y".repeat(1000)
        );
        for function in load_on(&mut lua, &source.replace("('x' .. ", "(")).unwrap() {
            lua.forget(function.script);
        }
    }
    lua.collect();
    assert!(lua.memory() < before + (128 << 10), "{before}, and then {}", lua.memory());
}

#[test]
fn scripts_load_no_libraries() {
    assert!(load_on(&mut scripts(), "redis.register_function('f', function() end)").is_err());
}
