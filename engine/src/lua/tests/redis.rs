//! The table `redis`: calls, replies, errors.

use super::*;

#[test]
fn keys_and_arguments_are_globals() {
    assert_eq!(run("return {KEYS[1], KEYS[2], #KEYS, ARGV[1], #ARGV}"), "*5 $k1 $k2 :2 $a1 :1");
}

#[test]
fn returned_values_are_walked_in_order() {
    for (source, text) in [
        ("return", "_"),
        ("return 3.99", ":3"),
        ("return -3.99", ":-3"),
        ("return {1, {2, 'x'}, true, false, nil, 4}", "*4 :1 *2 :2 $x :1 _"),
        ("return {ok='fine\\r\\n'}", "+fine  "),
        ("return {err='MY bad\\nidea'}", "-MY bad idea"),
        ("return {double=1.5}", ",1.5"),
        ("return {double='x'}", "*0"),
        ("return {big_number='123'}", "(123"),
        ("return {verbatim_string={format='txt', string='a\\nb'}}", "=txt:a\nb"),
        ("return {verbatim_string={format='markdown', string=''}}", "=mar:"),
        ("return {verbatim_string={format='txt'}}", "*0"),
        ("return {map={a={1, 2}}}", "%1 $a *2 :1 :2"),
        ("return {map={[{1}]={map={}}}}", "%1 *1 :1 %0"),
        ("return {set={x=true}}", "~1 $x"),
        ("return {1, {ok='a'}, {err='b'}}", "*3 :1 +a -b"),
        ("redis.setresp(3) return {true, false}", "*2 #t #f"),
        ("return function() end", "_"),
        ("return cjson.null", "_"),
        ("return setmetatable({}, {__index=function() return 1 end})", "*0"),
    ] {
        assert_eq!(run(source), text, "{source}");
    }
}

#[test]
fn replies_become_lua_values() {
    for (reply, test) in [
        ("+OK\r\n", "r.ok == 'OK'"),
        (":12\r\n", "r == 12"),
        (":-9223372036854775808\r\n", "r == -2^63"),
        ("$3\r\na\r\n\r\n", "r == 'a\\r\\n'"),
        ("$-1\r\n", "r == false"),
        ("*-1\r\n", "r == false"),
        ("*2\r\n:1\r\n*1\r\n$1\r\nx\r\n", "#r == 2 and r[2][1] == 'x'"),
        ("_\r\n", "r == nil"),
        ("#t\r\n", "r == true"),
        ("#f\r\n", "r == false"),
        (",1.5\r\n", "r.double == 1.5"),
        (",inf\r\n", "r.double == 1/0"),
        (",nan\r\n", "r.double ~= r.double"),
        ("(123\r\n", "r.big_number == '123'"),
        ("=5\r\ntxt:x\r\n", "r.verbatim_string.format == 'txt' and r.verbatim_string.string == 'x'"),
        ("%1\r\n$1\r\na\r\n:1\r\n", "r.map.a == 1"),
        ("%1\r\n_\r\n:1\r\n", "next(r.map) == nil"),
        ("~2\r\n$1\r\na\r\n$1\r\nb\r\n", "r.set.a and r.set.b"),
        ("|1\r\n+k\r\n+v\r\n:7\r\n", "r == 7"),
        // What is no RESP is nothing worse than nil.
        ("", "r == nil"),
        ("*3\r\n:1\r\n", "#r == 1"),
        ("$100\r\nshort", "r == 'short'"),
        ("?what", "r == nil"),
    ] {
        let mut host = TestHost::default();
        let source = format!("local r = redis.call('RAW', ARGV[1]) return {test}");
        let mut lua = scripts();
        let script = lua.compile(source.as_bytes()).unwrap();
        let mut text = Text::default();
        let call = Call { script: &script, name: "sha", keys: &[], args: &[reply.as_bytes()] };
        lua.run(call, &mut host, &mut text).unwrap();
        assert_eq!(text.0, b":1", "{reply:?}: {test}");
    }
    let deep = format!("{}:1\r\n", "*1\r\n".repeat(5000));
    let source = format!("return redis.pcall('RAW', '{}')", deep.replace("\r\n", "\\r\\n"));
    assert_eq!(run(&source), "-ERR reached lua stack limit");
}

#[test]
fn arguments_are_strings_and_numbers() {
    let numbers = "return {redis.call('ECHO', 1), redis.call('ECHO', 1e15), redis.call('ECHO', 0.1), \
                   redis.call('ECHO', -0.0), redis.call('ECHO', 1e300), redis.call('ECHO', 2^53)}";
    assert_eq!(
        run(numbers),
        "*6 $1 $1000000000000000 $0.10000000000000001 $-0 $1.0000000000000001e+300 $9007199254740992"
    );
    for wrong in ["true", "nil", "{}", "print_", "function() end"] {
        let wrong = wrong.replace("print_", "redis.call");
        let text = "-ERR Lua redis lib command arguments must be strings or integers script: sha, on @user_script:1.";
        assert_eq!(run(&format!("return redis.call('ECHO', {wrong})")), text);
    }
    assert_eq!(run("return redis.pcall()"), "-ERR Please specify at least one argument for this redis lib call");
    assert_eq!(run("local t = {} for i = 1, 7000 do t[i] = i end return redis.call('COUNT', unpack(t))"), ":7001");
}

#[test]
fn errors_are_redis_words() {
    for (source, text) in [
        ("xx(", "-ERR Error compiling script (new function): user_script:1: unexpected symbol near '<eof>'"),
        ("error('x')", "-ERR user_script:1: x script: sha, on @user_script:1."),
        ("\nerror('x', 0)", "-ERR x script: sha, on @user_script:2."),
        ("error({err='MY Err'})", "-MY Err script: sha, on @user_script:1."),
        ("error()", "-ERR nil script: sha, on @user_script:1."),
        ("error({})", "-ERR unknown error script: sha, on @user_script:1."),
        ("return redis.call('FAIL')", "-ERR it failed script: sha, on @user_script:1."),
        ("return redis.pcall('FAIL')", "-ERR it failed"),
        ("return redis.call('NOPE')", "-ERR Unknown Redis command called from script script: sha, on @user_script:1."),
        ("local ok, e = pcall(redis.call, 'FAIL') return {type(e), e}", "*2 $string $ERR it failed"),
        ("return redis.pcall('FAIL').ignore_error_stats_update", ":1"),
        ("return redis.error_reply('oops')", "-ERR oops"),
        ("return redis.error_reply('-MY oops')", "-MY oops"),
        ("return redis.error_reply(1)", "-ERR wrong number or type of arguments"),
        ("return redis.status_reply('x')", "+x"),
    ] {
        assert_eq!(run(source), text, "{source}");
    }
}

#[test]
fn errors_of_commands_were_counted_and_those_of_scripts_were_not() {
    let mut lua = scripts();
    for (source, counted) in [("redis.call('FAIL')", true), ("redis.call()", false), ("error('x')", false)] {
        let script = lua.compile(source.as_bytes()).unwrap();
        let call = Call { script: &script, name: "sha", keys: &[], args: &[] };
        let failure = lua.run(call, &mut TestHost::default(), &mut Text::default()).unwrap_err();
        assert_eq!(failure.counted, counted, "{source}");
    }
}

#[test]
fn the_other_functions_reach_the_host() {
    let mut host = TestHost::default();
    let mut lua = scripts();
    assert_eq!(run_on(&mut lua, &mut host, b"redis.setresp(3) return redis.call('RESP3')"), ":1");
    assert_eq!(run_on(&mut lua, &mut host, b"return redis.call('RESP3')"), ":0");
    run_on(&mut lua, &mut host, b"redis.log(redis.LOG_WARNING, 'a', 1, {}, 'b')");
    assert_eq!(host.logs, [(LogLevel::Warning, b"a 1 b".to_vec())]);
    run_on(&mut lua, &mut host, b"redis.set_repl(redis.REPL_AOF)");
    assert_eq!(host.repl, Some((true, false)));
    assert_eq!(
        run_on(&mut lua, &mut host, b"return {redis.acl_check_cmd('GET'), redis.acl_check_cmd('FORBIDDEN')}"),
        "*2 :1 _"
    );
    assert_eq!(run_on(&mut lua, &mut host, b"return redis.sha1hex('')"), "$da39a3ee5e6b4b0d3255bfef95601890afd80709");
    assert_eq!(run_on(&mut lua, &mut host, b"return server.call('ECHO', 'x')"), "$x");
}

#[test]
fn random_numbers_are_the_same_everywhere() {
    assert_eq!(
        run("return {math.random(100), math.random(100), tostring(math.random())}"),
        "*3 :40 :85 $0.35333609737146"
    );
    assert_eq!(run("math.randomseed(7) return math.random(1000000)"), ":266445");
    assert_eq!(run("math.randomseed(-7.5) return math.random(1000000)"), ":75212");
}

#[test]
fn a_panic_of_the_host_goes_on_behind_the_script() {
    let mut lua = scripts();
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        run_on(&mut lua, &mut TestHost::default(), b"while true do pcall(redis.call, 'PANIC') end")
    }));
    assert!(caught.is_err());
    assert_eq!(run_on(&mut lua, &mut TestHost::default(), b"return redis.call('ECHO', 'still here')"), "$still here");
}

#[test]
fn an_interpreter_goes_from_one_thread_to_another() {
    let mut lua = scripts();
    run_on(&mut lua, &mut TestHost::default(), b"return {1, cjson.encode({1}), redis.call('ECHO', 'x')}");
    let text = std::thread::spawn(move || {
        run_on(&mut lua, &mut TestHost::default(), b"return redis.call('ECHO', cjson.encode({a=1}))")
    });
    assert_eq!(text.join().unwrap(), "${\"a\":1}");
}
