-- The library cjson. Settings are made on a copy: those of cjson itself outlast a script.
-- case
return cjson.encode()
-- case
return cjson.encode(1,2)
-- case
return cjson.encode(nil)
-- case
return cjson.encode(true)
-- case
return cjson.encode(false)
-- case
return cjson.encode(cjson.null)
-- case
return cjson.encode(1)
-- case
return cjson.encode(-0)
-- case
return cjson.encode(0.1)
-- case
return cjson.encode(1e15)
-- case
return cjson.encode(123456789012345678)
-- case
return cjson.encode(1/3)
-- case
return cjson.encode(1e300)
-- case
return cjson.encode(-1e-300)
-- case
return cjson.encode(1/0)
-- case
return cjson.encode(-1/0)
-- case
return cjson.encode(0/0)
-- case
return cjson.encode("a")
-- case
return cjson.encode("")
-- case
return cjson.encode("a/b\\c\"d")
-- case
return cjson.encode("\0\1\2\8\9\10\11\12\13\14\31\127\128\255")
-- case
return cjson.encode("é€")
-- case
return cjson.encode({})
-- case
return cjson.encode({1,2,3})
-- case
return cjson.encode({1,nil,3})
-- case
return cjson.encode({[1]=1,[3]=3})
-- case
return cjson.encode({[10]=1})
-- case
return cjson.encode({[11]=1})
-- case
return cjson.encode({[1]=1,[20]=2})
-- case
return cjson.encode({[1]=1,[21]=2})
-- case
return cjson.encode({[1]=1,[2]=2,[3]=3,[100]=4})
-- case
return cjson.encode({[0]=1})
-- case
return cjson.encode({[-1]=1})
-- case
return cjson.encode({[1.5]=1})
-- case
return cjson.encode({[1]=1,a=2})
-- case
return cjson.encode({a=1})
-- case
return cjson.encode({a={b={c=1}}})
-- case
return cjson.encode({[1e15]="x"})
-- case
return cjson.encode({[true]=1})
-- case
return cjson.encode({[{}]=1})
-- case
return cjson.encode({function() end})
-- case
return cjson.encode({a=function() end})
-- case
return cjson.encode(redis.call)
-- case
return cjson.encode(coroutine.create(function() end))
-- case
return cjson.encode({1,"a",true,cjson.null,{x=1.5}})
-- case
local t={} t[1]=t return cjson.encode(t)
-- case
local t={} t.a=t return cjson.encode(t)
-- case
local t={} for i=1,999 do t={t} end return #cjson.encode(t)
-- case
local t={} for i=1,1000 do t={t} end return #cjson.encode(t)
-- case
return {pcall(cjson.encode,function() end)}
-- case
local f=cjson.encode return f(1,2)
-- case
return cjson.encode(setmetatable({},{__index={1,2}}))
-- case
return cjson.encode({["a/b"]=1,})
-- case
return cjson.decode("1")
-- case
return cjson.decode("[1,2,3]")
-- case
return cjson.decode('["a",true,false,null]')
-- case
return tostring(cjson.decode("null")==cjson.null)
-- case
return cjson.decode('{"a":1}').a
-- case
return cjson.decode('"abc"')
-- case
return cjson.decode('  [ 1 , 2 ]  ')
-- case
return cjson.decode('')
-- case
return cjson.decode('   ')
-- case
return cjson.decode()
-- case
return cjson.decode(1)
-- case
return cjson.decode({})
-- case
return cjson.decode("[1,2","x")
-- case
return cjson.decode("[1,2")
-- case
return cjson.decode("[1,]")
-- case
return cjson.decode("[1 2]")
-- case
return cjson.decode("[,1]")
-- case
return cjson.decode("[")
-- case
return cjson.decode("{")
-- case
return cjson.decode("}")
-- case
return cjson.decode("]")
-- case
return cjson.decode(":")
-- case
return cjson.decode(",")
-- case
return cjson.decode('{"a"}')
-- case
return cjson.decode('{"a":}')
-- case
return cjson.decode('{"a":1,}')
-- case
return cjson.decode('{"a":1 "b":2}')
-- case
return cjson.decode('{a:1}')
-- case
return cjson.decode('{1:1}')
-- case
return cjson.decode('{"a":1')
-- case
return cjson.decode('1 2')
-- case
return cjson.decode('tru')
-- case
return cjson.decode('truex')
-- case
return cjson.decode('true false')
-- case
return cjson.decode('nul')
-- case
return cjson.decode('falsy')
-- case
return cjson.decode('"abc')
-- case
return cjson.decode('"a\nb"')
-- case
return cjson.decode('"a\0b"')
-- case
return cjson.decode('"\1"')
-- case
return cjson.decode('"\\n\\t\\r\\b\\f\\/\\\\\\""')
-- case
return cjson.decode('"\\u0041\\u00e9\\u20ac"')
-- case
return cjson.decode('"\\ud83d\\ude00"')
-- case
return cjson.decode('"\\ud83d"')
-- case
return cjson.decode('"\\ude00"')
-- case
return cjson.decode('"\\ud83d\\u0041"')
-- case
return cjson.decode('"\\u12"')
-- case
return cjson.decode('"\\u12zz"')
-- case
return cjson.decode('"\\x"')
-- case
return cjson.decode('"\\u0000"')
-- case
return cjson.decode('"\\')
-- case
return cjson.decode('"\\u')
-- case
return cjson.decode("-1")
-- case
return cjson.decode("--1")
-- case
return cjson.decode("+1")
-- case
return cjson.decode("-")
-- case
return tostring(cjson.decode("1.5"))
-- case
return tostring(cjson.decode("1e3"))
-- case
return tostring(cjson.decode("1E+3"))
-- case
return tostring(cjson.decode("1e"))
-- case
return tostring(cjson.decode("1."))
-- case
return tostring(cjson.decode(".5"))
-- case
return tostring(cjson.decode("-.5"))
-- case
return tostring(cjson.decode("01"))
-- case
return tostring(cjson.decode("-01"))
-- case
return tostring(cjson.decode("0"))
-- case
return tostring(cjson.decode("-0"))
-- case
return tostring(cjson.decode("00"))
-- case
return tostring(cjson.decode("0x10"))
-- case
return tostring(cjson.decode("-0x10"))
-- case
return tostring(cjson.decode("0x1.8p1"))
-- case
return tostring(cjson.decode("0x"))
-- case
return tostring(cjson.decode("inf"))
-- case
return tostring(cjson.decode("-inf"))
-- case
return tostring(cjson.decode("infinity"))
-- case
return tostring(cjson.decode("Infinity"))
-- case
return tostring(cjson.decode("NaN"))
-- case
return tostring(cjson.decode("nan"))
-- case
return tostring(cjson.decode("NULL"))
-- case
return tostring(cjson.decode("nano"))
-- case
return tostring(cjson.decode("1e999"))
-- case
return tostring(cjson.decode("1e-999"))
-- case
return tostring(cjson.decode("123456789012345678901234567890"))
-- case
return tostring(cjson.decode("1abc"))
-- case
return tostring(cjson.decode("[1abc]"))
-- case
return tostring(cjson.decode("0.1e1x"))
-- case
return #cjson.decode("[[],{},[{}]]")
-- case
return cjson.encode(cjson.decode('{"a":[1,{"b":[]}],"c":{}}'))
-- case
return cjson.encode(cjson.decode('[]'))
-- case
return cjson.encode(cjson.decode('{}'))
-- case
return cjson.encode(cjson.decode('{"1":"a","2":"b"}'))
-- case
return cjson.encode(cjson.decode('{"a":null}'))
-- case
return cjson.decode('{"a":1,"a":2}').a
-- case
return cjson.decode('"é"')
-- case
return cjson.decode('\239\187\191[1]')
-- case
return cjson.decode('[1]\0')
-- case
return cjson.decode('[1]\0x')
-- case
return cjson.decode('[1')
-- case
return cjson.decode('a')
-- case
return cjson.decode('\0')
-- case
return cjson.decode('[1}')
-- case
return cjson.decode('{"a":1]')
-- case
return cjson.decode('{"a" 1}')
-- case
return cjson.decode("'a'")
-- case
return cjson.decode('/* */1')
-- case
return cjson.decode('[\t\r\n1\v]')
-- case
return cjson.decode('[\f1]')
-- case
return cjson.decode(string.rep("[",1000)..string.rep("]",1000))[1][1]
-- case
return cjson.decode(string.rep("[",1001)..string.rep("]",1001))
-- case
return cjson.decode(string.rep('{"a":',1001).."1"..string.rep("}",1001))
-- case
return {type(cjson.new), type(cjson.new()), cjson.new().encode({1}), cjson.new()._VERSION}
-- case
local c=cjson.new() c.encode_max_depth(1) return {pcall(c.encode,{{}}), cjson.encode({{}})}
-- case
local c=cjson.new() c.x=1 return c.x
-- case
return {cjson._NAME,cjson._VERSION}
-- case
return tostring(cjson.null)
-- case
return type(cjson.null)
-- case
return cjson.encode({a=1,b=2,c=3,d=4,e=5})
-- case
return cjson.encode({"a\127b"})
-- case
return cjson.encode(string.rep("x",100000)):len()
-- case
return cjson.encode({[1]=cjson.null,[2]=cjson.null})
-- case
return cjson.encode({x=cjson.null})
-- case
return cjson.encode({["\0"]=1})
-- case
return cjson.encode({1,2,[4]=4})
-- case
return cjson.encode({[2]=2})
-- case
return cjson.encode({nil,nil,3})
-- case
return cjson.encode({[3]=1,[1]=2})
-- case
return cjson.encode({[1]=1,[2^31]=2})
-- case
return cjson.encode({[2^31]=2})
-- case
return cjson.encode({[2^53]=2})
-- case
return cjson.encode({[1/0]=2})
-- case
local c=cjson.new() return {c.encode_max_depth()}
-- case
local c=cjson.new() return {c.encode_max_depth(5),c.encode_max_depth()}
-- case
local c=cjson.new() return {c.encode_max_depth(0)}
-- case
local c=cjson.new() return {c.encode_max_depth(-1)}
-- case
local c=cjson.new() return {c.encode_max_depth("x")}
-- case
local c=cjson.new() return {c.encode_max_depth(5,6)}
-- case
local c=cjson.new() return {c.encode_max_depth(2^31)}
-- case
local c=cjson.new() return {c.encode_max_depth("7")}
-- case
local c=cjson.new() return {c.encode_max_depth(nil)}
-- case
local c=cjson.new() c.encode_max_depth(2) return {pcall(c.encode,{{{}}})}
-- case
local c=cjson.new() c.encode_max_depth(2) return c.encode({{}})
-- case
local c=cjson.new() c.encode_max_depth(2) return c.encode({a={b=1}})
-- case
local c=cjson.new() c.encode_max_depth(2) return {pcall(c.encode,{a={b={}}})}
-- case
local c=cjson.new() return {c.encode_sparse_array()}
-- case
local c=cjson.new() return {c.encode_sparse_array(true)}
-- case
local c=cjson.new() c.encode_sparse_array(true) return c.encode({[1]=1,[100]=2})
-- case
local c=cjson.new() c.encode_sparse_array(false,3,5) return c.encode({[1]=1,[5]=2})
-- case
local c=cjson.new() c.encode_sparse_array(false,3,5) return c.encode({[1]=1,[6]=2})
-- case
local c=cjson.new() c.encode_sparse_array(false,3,5) return c.encode({[1]=1,[7]=2})
-- case
local c=cjson.new() c.encode_sparse_array(false,0,5) return c.encode({[1]=1,[50]=2})
-- case
local c=cjson.new() return {c.encode_sparse_array("x")}
-- case
local c=cjson.new() return {c.encode_sparse_array(nil,-1)}
-- case
local c=cjson.new() return {c.encode_sparse_array(nil,1,-1)}
-- case
local c=cjson.new() return {c.encode_sparse_array(1,2,3,4)}
-- case
local c=cjson.new() return {c.encode_sparse_array("on")}
-- case
local c=cjson.new() return {c.encode_sparse_array("off")}
-- case
local c=cjson.new() return {c.encode_number_precision()}
-- case
local c=cjson.new() c.encode_number_precision(3) return c.encode({1/3,1000,12345,-0.00001234})
-- case
local c=cjson.new() c.encode_number_precision(1) return c.encode({12.5,0.95,9.5})
-- case
local c=cjson.new() return {c.encode_number_precision(0)}
-- case
local c=cjson.new() return {c.encode_number_precision(15)}
-- case
local c=cjson.new() return {c.encode_number_precision(17)}
-- case
local c=cjson.new() return {c.encode_keep_buffer()}
-- case
local c=cjson.new() return {c.encode_keep_buffer(false),c.encode({1}),c.encode({2})}
-- case
local c=cjson.new() return {c.encode_keep_buffer("x")}
-- case
local c=cjson.new() return {c.encode_keep_buffer(1)}
-- case
local c=cjson.new() return {c.encode_invalid_numbers()}
-- case
local c=cjson.new() c.encode_invalid_numbers(true) return c.encode({1/0,-1/0})
-- case
local c=cjson.new() c.encode_invalid_numbers("null") return c.encode({1/0,-1/0,0/0})
-- case
local c=cjson.new() return {c.encode_invalid_numbers("null")}
-- case
local c=cjson.new() return {c.encode_invalid_numbers("off")}
-- case
local c=cjson.new() return {c.encode_invalid_numbers("x")}
-- case
local c=cjson.new() return {c.decode_invalid_numbers()}
-- case
local c=cjson.new() return {c.decode_invalid_numbers(false)}
-- case
local c=cjson.new() c.decode_invalid_numbers(false) return {pcall(c.decode,"nan")}
-- case
local c=cjson.new() c.decode_invalid_numbers(false) return {pcall(c.decode,"0x10")}
-- case
local c=cjson.new() c.decode_invalid_numbers(false) return {pcall(c.decode,"[inf]")}
-- case
local c=cjson.new() c.decode_invalid_numbers(false) return {pcall(c.decode,"01")}
-- case
local c=cjson.new() c.decode_invalid_numbers(false) return {pcall(c.decode,"-01")}
-- case
local c=cjson.new() c.decode_invalid_numbers(false) return {pcall(c.decode,"-inf")}
-- case
local c=cjson.new() c.decode_invalid_numbers(false) return {pcall(c.decode,"+1")}
-- case
local c=cjson.new() c.decode_invalid_numbers(false) return {pcall(c.decode,"[1.5,-2,0,1e3]")}
-- case
local c=cjson.new() return {c.decode_invalid_numbers(1,2)}
-- case
return {pcall(cjson.decode,"+x")}
-- case
return {pcall(cjson.decode,"[+]")}
