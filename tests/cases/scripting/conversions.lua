-- Replies to Lua values, and Lua values to replies.
-- Doubles are written as Redis has done since 7.2, in the fewest digits: only such stand here as 7.0 writes alike.
-- case
return {pcall()}
-- case
return {pcall(1)}
-- case
return {err="foo"}
-- case
return {err="-foo bar"}
-- case
return {err=""}
-- case
return 1 +
-- case
return {coroutine.resume(coroutine.create(function() redis.call("nope") end))}
-- case
return {1,2,nil,4}
-- case
return {1.9,"a",true,false}
-- case
return 3.99
-- case
return -3.99
-- case
return 1e100
-- case
return -1e100
-- case
return 0/0
-- case
return 1/0
-- case
return true
-- case
return false
-- case
return nil
-- case
return {double=3.5}
-- case
return {double="3.5"}
-- case
return {map={a=1}}
-- case
return {map=1}
-- case
return {set=1}
-- case
return {ok="x"}
-- case
return {ok=1}
-- case
return {err=1}
-- case
return {ok="x",err="y"}
-- case
return {[1]=1,ok="x"}
-- case
return function() end
-- case
return {1,print_,3}
-- case
return {verbatim_string={format="txt",string="a"}}
-- case
return {verbatim_string={format="text",string="a"}}
-- case
return {verbatim_string={format="txt"}}
-- case
return {verbatim_string=1}
-- case
return {big_number="123"}
-- case
return {big_number="1\r\n23"}
-- case
return {big_number=123}
-- case
return {set={a=true}}
-- case
return {set={a=1,1}}
-- case
return setmetatable({},{__index=function() return "x" end})
-- case
return {ok="a\r\nb"}
-- case
return {ok="a\nb\rc"}
-- case
return {err="a\r\nb"}
-- case
redis.setresp(3) return {double=3.5}
-- case
redis.setresp(3) return redis.call("hgetall","h")
-- case
redis.setresp(3) return redis.call("get","nokey")
-- case
redis.setresp(3) return tostring(redis.call("get","nokey"))
-- case
redis.call("hset","h","a","1") redis.setresp(3) local r = redis.call("hgetall","h") return {type(r.map), r.map.a}
-- case
redis.call("sadd","s","a","b") redis.setresp(3) local r = redis.call("smembers","s") return {type(r.set), tostring(r.set.a), tostring(r.set.b)}
-- case
redis.call("zadd","z","1.5","a") redis.setresp(3) local r = redis.call("zscore","z","a") return {type(r.double), tostring(r.double)}
-- case
redis.call("zadd","z","1.5","a") redis.setresp(3) local r = redis.call("zrange","z","0","-1","withscores") return {type(r), type(r[1]), type(r[1][2])}
-- case
return {xpcall(function() error("x") end, function(e) return e.."!" end)}
-- case
return {xpcall(function() error("x") end, 1)}
-- case
return {pcall(string.rep)}
-- case
return {xpcall(function() return redis.call("nope") end, function(e) error("again") end)}
-- case
return {err="a\0b"}
-- case
return {ok="a\0b"}
-- case
return {big_number="a\0b"}
-- case
return {double=1/0}
-- case
return {double=1e20}
-- case
return {map={}}
-- case
return {set={}}
-- case
return {verbatim_string={format="a",string="x"}}
-- case
return {map={a={1,2},[1]="x"}}
-- case
return {[1]={ok="x"},[2]={err="y"}}
-- case
return {double=3}
-- case
return {verbatim_string={format="abcdef",string="x\r\n"}}
-- case
return {true,false}
-- case
return {set={a=true,b=false}}
-- case
return {map={a={map={}}}}
-- case
-- keys: a b
-- args: 1 2 3
return {#KEYS,#ARGV,KEYS[2],ARGV[3],KEYS[3] or "none"}
-- case
-- args: x
return ARGV
-- case
-- keys: k
-- args: v
redis.call("SET",KEYS[1],ARGV[1]) return redis.call("GET",KEYS[1])
-- case
-- keys: h
redis.call("HSET",KEYS[1],"f","1") return redis.call("HGETALL",KEYS[1])
-- case
-- keys: h
redis.call("HSET",KEYS[1],"f","1") redis.setresp(3) return redis.call("HGETALL",KEYS[1])
-- case
-- keys: l
redis.call("RPUSH",KEYS[1],1,2,3) return redis.call("LRANGE",KEYS[1],0,-1)
-- case
-- keys: z
redis.call("ZADD",KEYS[1],1.5,"a") redis.setresp(3) return redis.call("ZRANGE",KEYS[1],0,-1,"WITHSCORES")
-- case
-- keys: z
redis.call("ZADD",KEYS[1],1.5,"a") return redis.call("ZSCORE",KEYS[1],"a")
-- case
-- keys: s
redis.call("SADD",KEYS[1],"a") redis.setresp(3) return redis.call("SMEMBERS",KEYS[1])
-- case
-- keys: c
return {redis.call("INCR",KEYS[1]),redis.call("INCRBYFLOAT",KEYS[1],0.5)}
-- case
return {tostring(0), tostring(-0), tostring(0/-1), tostring(1), tostring(-1), tostring(99999999999999), tostring(-99999999999999), tostring(1e14), tostring(-1e14), tostring(123456789012345), tostring(2^53), tostring(1.5), tostring(1e13+0.5)}
-- case
return {"" .. 10, 12 .. "", "-7" + 0, tostring("123456789012345" + 0), tostring("1234567890123456" + 0), tostring("9007199254740993" + 0), tostring(" 12 " + 0), tostring("012" + 0), tostring("0x10" + 0)}
-- case
return {tostring(tonumber("")), tostring(tonumber("1e2")), tostring(tonumber("1 2")), tostring(tonumber("00000000000000000001")), tostring(tonumber("999999999999999999999")), tostring(tonumber("5\0"))}
