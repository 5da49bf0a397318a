-- Globals, what of them can be changed, and the language itself.
-- case
math.randomseed(7) return math.random(1000000)
-- case
math.randomseed() return math.random(1000000)
-- case
math.randomseed(-7.5) return math.random(1000000)
-- case
math.randomseed(1e10) return math.random(1000000)
-- case
math.randomseed("5") return math.random(1000000)
-- case
math.randomseed(2^40+5) return math.random(1000000)
-- case
return {#KEYS, #ARGV, type(KEYS)}
-- case
return tostring(_G)==tostring(getmetatable(_G))
-- case
return getmetatable("").__name
-- case
return _G[{}]
-- case
return _G[1]
-- case
return _G[true]
-- case
return _G["a\0b"]
-- case
return collectgarbage("foo")
-- case
return type(collectgarbage("step"))
-- case
return collectgarbage("collect")
-- case
return {collectgarbage("stop"),collectgarbage("restart")}
-- case
return type(collectgarbage("count"))
-- case
return type(gcinfo())
-- case
math.randomseed(0) return math.random(0)
-- case
math.randomseed(0) return math.random(3,1)
-- case
math.randomseed(0) return math.random(1,2,3)
-- case
math.randomseed(0) return {tostring(math.random()),math.random(10),math.random(5,1000000), math.random(-5,5)}
-- case
KEYS[1]=3 return KEYS[1]
-- case
redis.x=1
-- case
table.insert(redis,1)
-- case
rawset(redis,"a",1)
-- case
setmetatable(_G,{})
-- case
x=1
-- case
return x
-- case
rawset(_G,"x",1)
-- case
string.x=1
-- case
getmetatable("").__index=1
-- case
setmetatable(redis,{})
-- case
getmetatable(_G).__index=1
-- case
table.sort(redis)
-- case
KEYS=3
-- case
string.len=3
-- case
redis.call=1
-- case
cjson.null=1
-- case
table.remove(redis)
-- case
return redis.foo
-- case
cjson.a=1
-- case
return {pcall(function() x=1 end)}
-- case
math.pi=3
-- case
table.setn({},1)
-- case
table.foo.x=1
-- case
_G.x=1
-- case
return redis[1]
-- case
return _G.x
-- case
return print
-- case
return os
-- case
return io
-- case
return debug
-- case
return setfenv
-- case
return getfenv
-- case
return newproxy
-- case
return dofile
-- case
return loadfile
-- case
return require
-- case
return module
-- case
return {type(load),type(loadstring)}
-- case
return loadstring("return 1+1")()
-- case
return {tostring(loadstring("x x")),select(2,loadstring("x x"))}
-- case
return {select(2,loadstring("\27Lua"))}
-- case
loadstring("y=1")()
-- case
return loadstring("return z")()
-- case
return loadstring("return ...")(7)
-- case
local t=setmetatable({},{__newindex=function(t,k,v) rawset(t,k,v*2) end}) t.a=2 return t.a
-- case
return _VERSION
-- case
return table.concat({1,2,3},"-")
-- case
return {table.getn({1,2}),table.maxn({[7]=1})}
-- case
local r={} table.foreach({5},function(k,v) r[#r+1]=v end) return r
-- case
return {string.gfind("ab","%a")()}
-- case
return {math.mod(7,3),math.fmod(-7,3)}
-- case
return {unpack({1,2,3},2)}
-- case
return {select(-1,1,2,3)}
-- case
return {select("#")}
-- case
return tostring(1e15)
-- case
return tostring(0.1)
-- case
return tostring(-0)
-- case
return tostring(2^53)
-- case
return {tonumber("0x10"),tonumber("z",36),tonumber("1e1"),tonumber("  5  ")}
-- case
return string.format("%5.2f|%-5d|%q|%x","3.14159",42,"a\nb\0c",255)
-- case
return string.format("%s",{} and "t")
-- case
return {("x"):rep(3),("abc"):upper(),("abc"):reverse(),("abc"):byte(1,-1)}
-- case
return {("hello world"):find("o w"),("hello"):match("(h)(.)"),("abc"):gsub("%w","%0%0")}
-- case
local n=0 for w in ("a b c"):gmatch("%a") do n=n+1 end return n
-- case
return {pcall(string.rep,"x",-1)}
-- case
return {pcall(string.char,256)}
-- case
return {pcall(table.concat,{{}})}
-- case
return {next({})}
-- case
return type(next)
-- case
return {rawequal("a","a"),rawequal({},{})}
-- case
return {rawget(setmetatable({},{__index=function() return 1 end}),"x")}
-- case
local a={5,2,8} table.sort(a) return a
-- case
local a={5,2,8} table.sort(a,function(x,y) return x>y end) return a
-- case
return {pcall(table.sort,{1,"x"})}
-- case
return {coroutine.resume(coroutine.create(function(a) local b=coroutine.yield(a+1) return b end),1)}
-- case
return coroutine.status(coroutine.create(print_ or type))
-- case
return {tostring(coroutine.running())}
-- case
local f=coroutine.wrap(function() for i=1,3 do coroutine.yield(i) end end) return {f(),f(),f()}
-- case
local co=coroutine.wrap(function() error("inside") end) co()
-- case
local co=coroutine.wrap(function() error({err="inside"}) end) co()
-- case
return #arg
-- case
goto x
-- case
return 1 // 2
-- case
return 0x10
-- case
return 08
-- case
return "\065\10"
-- case
return [[a
b]]
-- case
return -2^2
-- case
return 2^-1
-- case
return 7 % -3
-- case
return "10"+5
-- case
return 10 .. 20
-- case
return #"abc"
-- case
return not nil
-- case
return 1 < "2"
-- case
return {} < {}
-- case
return nil .. "x"
-- case
return ("x").y.z
-- case
local a a.b=1
-- case
return #5
-- case
return -{}
-- case
local a = {} a[nil]=1
-- case
local a={} a[0/0]=1
-- case
for i=1,10,0 do return i end
-- case
for i="a",2 do end
-- case
return (function(...) return select("#",...) end)(nil,nil)
-- case
local t={} t[1]=1 t[2]=2 t[4]=4 return t
-- case
return {1,{2,{3,{4}}}}
-- case
return {["a"]=1}
