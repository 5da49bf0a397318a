-- What scripts raise and catch.
-- case
local ok,e=pcall(error,{err="x"}) return {type(e),e}
-- case
local ok,e=pcall(error,{err="x",a=1}) return {type(e),e}
-- case
local ok,e=pcall(error,{err=1}) return {type(e),e}
-- case
return pcall(error)
-- case
error()
-- case
error(nil)
-- case
error(12)
-- case
error(true)
-- case
error({err="My Err", source="a", line="7"})
-- case
error({err="-My Err", source="a", line="7"})
-- case
error({err="My Err"})
-- case
error({err=12})
-- case
error("a\0b",0)
-- case
error("a\r\nb",0)
-- case
error("a",0)
-- case
error("-a",0)
-- case
error("",0)
-- case
xx(
-- case
return [==[ a
-- case
return string.format("%99999d",1)
-- case
return unpack({},1,1e8)
-- case
return coroutine.yield(1)
-- case
return xpcall(function() error("x") end)
-- case
local t=setmetatable({},{__index=function(t,k) error("boo") end}) return t.x
