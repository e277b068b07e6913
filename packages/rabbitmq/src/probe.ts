import { evaluated } from './expressions.js';

/**
 * Everything that a broker says of itself in one answer. Each fact is asked of the function that this version has; what no
 * version of ours has is left out, and never guessed. Mnesia names some folder also before it was told which.
 */
export const PROBE_BODY = `
  Has = fun(Module, Function, Arity) ->
    code:ensure_loaded(Module) =:= {module, Module} andalso erlang:function_exported(Module, Function, Arity) end,
  First = fun Try([]) -> none;
              Try([{Module, Function, Arguments} | Rest]) ->
                case Has(Module, Function, length(Arguments)) of
                  true -> try {ok, apply(Module, Function, Arguments)} catch _:_ -> Try(Rest) end;
                  false -> Try(Rest) end end,
  Or = fun(Calls, Default) -> case First(Calls) of {ok, Found} -> Found; none -> Default end end,
  Count = fun(Calls, Ordinary) -> case First(Calls) of
    {ok, All} when is_list(All) -> length([Each || Each <- All, not Ordinary(Each)]); _ -> -1 end end,
  State = Or([{autocluster_gate, state, []}], none),
  Running = Or([{rabbit, is_running, []}], false),
  Members = Or([{rabbit_nodes, list_members, []}, {rabbit_mnesia, cluster_nodes, [all]}], []),
  Up = Or([{rabbit_nodes, list_running, []}, {rabbit_mnesia, cluster_nodes, [running]}], []),
  Parameter = First([{rabbit_runtime_parameters, value_global, [autocluster]}]),
  Alone = (Members -- [node()]) =:= [],
  User = Or([{application, get_env, [rabbit, default_user]}], none),
  VHost = Or([{application, get_env, [rabbit, default_vhost]}], none),
  Contents = case Alone andalso Parameter =:= {ok, not_found} of
    false -> -1;
    true -> lists:foldl(fun(_, -1) -> -1; (-1, _) -> -1; (N, Sum) -> N + Sum end, 0, [
      Count([{rabbit_amqqueue, list, []}], fun(_) -> false end),
      Count([{rabbit_vhost, list_names, []}, {rabbit_vhost, list, []}], fun(Name) -> {ok, Name} =:= VHost end),
      Count([{rabbit_auth_backend_internal, list_users, []}],
        fun(Facts) -> {ok, proplists:get_value(user, Facts)} =:= User end),
      Count([{rabbit_exchange, list_names, []}],
        fun(Name) -> case element(4, Name) of <<>> -> true; <<"amq.", _/binary>> -> true; _ -> false end end),
      Count([{rabbit_runtime_parameters, list, []}], fun(_) -> false end),
      Count([{rabbit_runtime_parameters, list_global, []}], fun(Facts) -> lists:member(proplists:get_value(name, Facts),
        [internal_cluster_id, cluster_name, imported_definition_hash_value]) end)]) end,
  Split = [Node || Node <- Members -- Up, Node =/= node(), lists:member(Node, nodes([connected])),
    rpc:call(Node, rabbit, is_running, [], 500) =:= true],
  #{gate => case State of {failed, _} -> failed; _ -> State end,
    failure => case State of {failed, Why} -> iolist_to_binary(io_lib:format("~0p", [Why])); _ -> null end,
    running => Running,
    ready => Running andalso Or([{rabbit_boot_state, get, []}], ready) =:= ready,
    booting => is_pid(whereis(rabbit_boot)),
    readable => Parameter =/= none,
    members => Members, up => Up,
    apart => lists:usort(Or([{rabbit_node_monitor, partitions, []}], []) ++ Split),
    parameter => case Parameter of {ok, Text} when is_binary(Text) -> Text; _ -> null end,
    contents => Contents,
    native => case First([{rabbit_runtime_parameters, value_global, [internal_cluster_id]}]) of
      {ok, Id} when is_binary(Id) -> Id; _ -> null end,
    folder => iolist_to_binary(Or([{rabbit, data_dir, []}] ++ case application:get_env(mnesia, dir) of
      {ok, _} -> [{rabbit_mnesia, dir, []}]; undefined -> [] end, []))}`;

/** For a broker that was not started by us: its VM has to read and interpret all of it each time. */
export const PROBE = evaluated(PROBE_BODY);
