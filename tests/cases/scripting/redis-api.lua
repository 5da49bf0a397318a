-- The table redis.
-- case
local e=redis.pcall("nope") local o={} for k,v in pairs(e) do o[#o+1]=k.."="..tostring(v) end table.sort(o) return o
-- case
local ok,e=pcall(redis.call,"nope") return {type(e),e}
-- case
local ok,e=xpcall(function() return redis.call("nope") end, function(e) return e end) local o={type(e)} for k,v in pairs(e) do o[#o+1]=k.."="..tostring(v) end table.sort(o) return o
-- case
local ok,e=xpcall(function() return redis.call() end, function(e) return e end) local o={type(e)} for k,v in pairs(e) do o[#o+1]=k.."="..tostring(v) end table.sort(o) return o
-- case
local ok,e=xpcall(function() local a = redis.call("get") return a end, function(e) return e end) local o={type(e)} for k,v in pairs(e) do o[#o+1]=k.."="..tostring(v) end table.sort(o) return o
-- case
local ok,e=xpcall(function() local a = redis.call("incr", "k", "x") return a end, function(e) return e end) local o={type(e)} for k,v in pairs(e) do o[#o+1]=k.."="..tostring(v) end table.sort(o) return o
-- case
redis.call("set","x","abc") local ok,e=xpcall(function() local a = redis.call("incr", "x") return a end, function(e) return e end) local o={type(e)} for k,v in pairs(e) do o[#o+1]=k.."="..tostring(v) end table.sort(o) return o
-- case
local e= redis.pcall("incr", "x") local o={type(e)} for k,v in pairs(e) do o[#o+1]=k.."="..tostring(v) end table.sort(o) return o
-- case
return redis.pcall("incr", "x")
-- case
return redis.call("incr", "x")
-- case
error(redis.error_reply("hey"))
-- case
error(redis.error_reply("hey"),0)
-- case
return redis.error_reply("foo")
-- case
return redis.error_reply("-foo bar")
-- case
return redis.error_reply("-foo")
-- case
return redis.error_reply("-")
-- case
return redis.error_reply("FOO bar")
-- case
return redis.error_reply(1)
-- case
return redis.error_reply()
-- case
return redis.error_reply("")
-- case
return redis.error_reply("a\0b c")
-- case
local e=redis.error_reply("FOO bar") local o={type(e)} for k,v in pairs(e) do o[#o+1]=k.."="..tostring(v) end table.sort(o) return o
-- case
local e=redis.error_reply() local o={type(e)} for k,v in pairs(e) do o[#o+1]=k.."="..tostring(v) end table.sort(o) return o
-- case
return redis.status_reply("a")
-- case
return redis.status_reply({})
-- case
return redis.status_reply()
-- case
return redis.status_reply("a","b")
-- case
return redis.sha1hex("a")
-- case
return redis.sha1hex()
-- case
return redis.sha1hex("a","b")
-- case
return redis.sha1hex({})
-- case
return redis.sha1hex(1)
-- case
return redis.log(1)
-- case
return redis.log()
-- case
return redis.log(9,"x")
-- case
return redis.log({},"x")
-- case
return redis.log(3,"x")
-- case
return redis.log("3","x")
-- case
return redis.log("a","x")
-- case
return redis.setresp(4)
-- case
return redis.setresp()
-- case
return redis.setresp("3")
-- case
return redis.setresp("a")
-- case
return redis.setresp({})
-- case
return redis.setresp(2.5)
-- case
return redis.set_repl(9)
-- case
return redis.set_repl(-1)
-- case
return redis.set_repl()
-- case
return redis.set_repl(1)
-- case
return redis.set_repl("a")
-- case
return redis.replicate_commands()
-- case
return tostring(redis.breakpoint())
-- case
return redis.acl_check_cmd("get","x")
-- case
return redis.acl_check_cmd()
-- case
return redis.acl_check_cmd("nope")
-- case
return redis.acl_check_cmd({})
-- case
return redis.acl_check_cmd("get")
-- case
return redis.register_function("x",function() end)
-- case
return redis.call("echo",1.5)
-- case
return redis.call("echo",1e15)
-- case
return redis.call("echo",0.1)
-- case
return redis.call("echo",1e300)
-- case
return redis.call("echo",-0.0)
-- case
return redis.call("echo",2^53)
-- case
return redis.call("echo",2^53+2)
-- case
return redis.call("echo",2^62)
-- case
return redis.call("echo",1e17)
-- case
return redis.call("echo",1e18)
-- case
return redis.call("echo",2^63)
-- case
return redis.call("echo",-2^63)
-- case
return redis.call("echo",1/0)
-- case
return redis.call("echo",0/0)
-- case
return redis.call("echo",3.14159265358979)
-- case
return redis.call("echo",1e-5)
-- case
return redis.call("echo",123456789.123)
-- case
return redis.call("echo",true)
-- case
return redis.call("echo",nil)
-- case
return redis.call("echo","a\0b")
-- case
return redis.call(1)
-- case
x = "abc
-- case
local function f() return f() + 1 end return f()
-- case
local t={} t[1]=t return t
-- case
local t={} local r=t for i=1,7990 do local n={} t[1]=n t=n end return "x"
-- case
redis.call("nope") 
-- case
local function f() redis.call("nope") end f()
-- case
local function f() return redis.call("nope") end return f()
-- case
coroutine.wrap(function() redis.call("nope") end)()
-- case
return redis.REDIS_VERSION_NUM
-- case
local a = redis.call('ping') return {type(a), a.ok}
-- case
return tostring(redis.call('get','nokey'))
-- case
return __redis__err__handler("x")
-- case
return redis.call("a","b",{})
-- case
return string.rep("x",-1)
-- case
return xpcall(function() return redis.call("nope") end, function(e) return e.err end)
-- case
redis.log(2,"a","b",1,{})
-- case
redis.setresp(3) error("x")
