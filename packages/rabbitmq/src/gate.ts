import { atom, binary, evaluated } from './expressions.js';
import { PRELOAD } from './preload.js';
import { PROBE_BODY } from './probe.js';

/**
 * A module for the broker's own VM. RabbitMQ finds boot steps by an attribute of the modules of its applications, so two
 * more steps are all it takes: a broker without data stops before it opens its database until it is told where it belongs,
 * and goes no further, to its queues, plugins and listeners, until that is confirmed.
 *
 * A broker whose data names a cluster of ours passes both, unless `hold` says that its last join was not confirmed.
 */
const SOURCE = String.raw`
-module(autocluster_gate).
-export([boot/1, decide/0, confirm/0, state/0, await/1, tell/1, follow/0, connect/1, probe/0]).
-rabbit_boot_step({autocluster_decide,
  [{mfa, {autocluster_gate, decide, []}}, {requires, file_handle_cache}, {enables, database}]}).
-rabbit_boot_step({autocluster_confirm,
  [{mfa, {autocluster_gate, confirm, []}}, {requires, core_initialized}, {enables, recovery}]}).

boot(Hold) ->
    ok = start(),
    ok = ask({enter, booting}),
    application:set_env(autocluster, hold, Hold),
    spawn(fun() ->
        Result = try rabbit:start() of
            ok -> watch(), booted;
            Other -> {failed, Other}
        catch
            _:Reason -> {failed, Reason}
        end,
        ask({enter, Result})
    end),
    ok.

state() -> case whereis(autocluster_gate) of undefined -> none; _ -> ask(state) end.
tell(Verdict) -> ask({tell, Verdict}).
await(States) -> ask({await, States}).

decide() ->
    case is_virgin() of
        true ->
            application:set_env(autocluster, hold, true),
            ask({hold, deciding});
        false -> ok
    end.

confirm() ->
    case application:get_env(autocluster, hold, true) =:= false andalso is_committed() of
        true -> ok;
        false -> ask({hold, confirming})
    end.

is_virgin() ->
    case answer(rabbit_db, is_virgin_node) of
        {ok, Virgin} -> Virgin;
        none ->
            case answer(rabbit_mnesia, is_virgin_node) of
                {ok, Virgin} -> Virgin;
                none -> not mnesia:system_info(use_dir)
            end
    end.

answer(Module, Function) ->
    _ = code:ensure_loaded(Module),
    case erlang:function_exported(Module, Function, 0) of
        true -> {ok, Module:Function()};
        false -> none
    end.

is_committed() ->
    case rabbit_runtime_parameters:value_global(autocluster) of
        Text when is_binary(Text) -> binary:match(Text, <<"\"state\":\"committed\"">>) =/= nomatch;
        _ -> false
    end.

watch() ->
    spawn(fun() ->
        Ref = erlang:monitor(process, rabbit_sup),
        receive {'DOWN', Ref, process, _, _} ->
            case rabbit_boot_state:get() of
                ready -> init:stop(1);
                _ -> ok
            end
        end
    end).

follow() ->
    spawn(fun() ->
        Port = erlang:open_port({fd, 0, 0}, [in, eof]),
        receive {Port, eof} -> init:stop() end
    end),
    ok.

connect(Path) ->
    {ok, Socket} = gen_tcp:connect({local, Path}, 0, [binary, {packet, 4}, {active, false}], 2000),
    Pid = spawn(fun() ->
        group_leader(whereis(init), self()),
        receive connected -> ok end,
        ok = inet:setopts(Socket, [{active, true}]),
        converse(Socket)
    end),
    ok = gen_tcp:controlling_process(Socket, Pid),
    Pid ! connected,
    ok.

converse(Socket) ->
    receive
        {tcp, Socket, <<Number:32, Text/binary>>} ->
            Self = self(),
            spawn(fun() -> Self ! {answer, Number, evaluate(Text)} end),
            converse(Socket);
        {answer, Number, Answer} ->
            _ = gen_tcp:send(Socket, [<<Number:32>>, Answer]),
            converse(Socket);
        {tcp_closed, Socket} -> ok
    end.

evaluate(Text) ->
    try
        {ok, Tokens, _} = erl_scan:string(unicode:characters_to_list(Text)),
        {ok, Expressions} = erl_parse:parse_exprs(Tokens),
        {value, Value, _} = erl_eval:exprs(Expressions, []),
        io_lib:format("~0p", [Value])
    catch
        _:Reason -> io_lib:format("~0p", [Reason])
    end.

start() ->
    case whereis(autocluster_gate) of
        undefined ->
            Parent = self(),
            Pid = spawn(fun() -> register(autocluster_gate, self()), Parent ! {self(), ready}, loop(idle, none, []) end),
            receive {Pid, ready} -> ok end;
        _ -> ok
    end.

ask(What) ->
    Ref = erlang:monitor(process, autocluster_gate),
    autocluster_gate ! {self(), Ref, What},
    receive
        {Ref, Answer} -> erlang:demonitor(Ref, [flush]), Answer;
        {'DOWN', Ref, process, _, Reason} -> exit(Reason)
    end.

loop(State, Held, Waiting) ->
    receive
        {From, Ref, state} -> From ! {Ref, State}, loop(State, Held, Waiting);
        {From, Ref, {hold, Step}} -> enter(Step, {From, Ref}, Waiting);
        {From, Ref, {enter, New}} -> From ! {Ref, ok}, enter(New, none, Waiting);
        {From, Ref, {await, States}} ->
            case is_met(State, States) of
                true -> From ! {Ref, State}, loop(State, Held, Waiting);
                false -> loop(State, Held, [{From, Ref, States} | Waiting])
            end;
        {From, Ref, {tell, Verdict}} ->
            case Held of
                none -> From ! {Ref, {error, State}}, loop(State, Held, Waiting);
                {Step, StepRef} ->
                    Step ! {StepRef, Verdict},
                    From ! {Ref, ok},
                    enter(after_verdict(State, Verdict), none, Waiting)
            end
    end.

after_verdict(confirming, ok) -> admitted;
after_verdict(_, _) -> booting.

enter(State, Held, Waiting) ->
    {Met, Left} = lists:partition(fun({_, _, States}) -> is_met(State, States) end, Waiting),
    [From ! {Ref, State} || {From, Ref, _} <- Met],
    loop(State, Held, Left).

is_met({failed, _}, _) -> true;
is_met(State, States) -> lists:member(State, States).

probe() -> ${PROBE_BODY}.
`;

/** Of a broker that has just answered it, on the same network. */
const RPC_LIMIT_MS = 2_000;

const encoded = Buffer.from(SOURCE).toString('base64');

/**
 * Compiles the module in the broker's VM and declares it a part of the application `rabbit`, which must not have been loaded.
 * The compiler is always there: RabbitMQ depends on it itself. From then on the VM ends with the process that started it, whose
 * pipe its standard input is. The configuration is read as well, so that the broker knows its folders.
 */
export const installGate = evaluated(`
  ${PRELOAD},
  Preload([rabbit, rabbitmq_prelaunch]),
  {ok, Tokens, _} = erl_scan:string(binary_to_list(base64:decode("${encoded}"))),
  Parse = fun Next([], _, Forms) -> lists:reverse(Forms);
              Next([{dot, _} = Dot | Rest], Form, Forms) ->
                {ok, Parsed} = erl_parse:parse_form(lists:reverse([Dot | Form])), Next(Rest, [], [Parsed | Forms]);
              Next([Token | Rest], Form, Forms) -> Next(Rest, [Token | Form], Forms) end,
  {ok, Module, Code} = compile:forms(Parse(Tokens, [], [])),
  {module, Module} = code:load_binary(Module, "autocluster_gate.erl", Code),
  {ok, [{application, rabbit, Facts}]} = file:consult(filename:join([code:lib_dir(rabbit), "ebin", "rabbit.app"])),
  Modules = proplists:get_value(modules, Facts),
  ok = application:load({application, rabbit, lists:keystore(modules, 1, Facts, {modules, [Module | Modules]})}),
  ok = autocluster_gate:follow(),
  {ok, _} = application:ensure_all_started(rabbitmq_prelaunch),
  catch begin
    {ok, [Plugins]} = file:consult(maps:get(enabled_plugins_file, rabbit_prelaunch:get_context())),
    Preload(Plugins) end,
  <<"installed">>`);

/** The broker connects to a socket of ours, over which it is then asked. */
export const connectGate = (path: string): string =>
  evaluated(`ok = autocluster_gate:connect(binary_to_list(${binary(path)})), <<"connected">>`);

const reached = (states: readonly GateState[]): string =>
  `State = autocluster_gate:await([${states.join(', ')}]), iolist_to_binary(io_lib:format("~0p", [State]))`;

/** What the broker says of itself, as the module has it compiled; null from a broker that has no such function. */
export const GATE_PROBE = evaluated(`
  case erlang:function_exported(autocluster_gate, probe, 0) of
    true -> autocluster_gate:probe();
    false -> null end`);

/** What another broker says of itself, asked by this one; null when it cannot be asked so. */
export const gateProbeOf = (node: string): string =>
  evaluated(`
    case rpc:call(${atom(node)}, autocluster_gate, probe, [], ${RPC_LIMIT_MS}) of
      {badrpc, _} -> null;
      Probe -> Probe end`);

/** Starts the broker, and waits until it is held or serves. `hold`: also one whose data name a cluster is held. */
export const bootGate = (hold: boolean): string =>
  evaluated(`ok = autocluster_gate:boot(${hold}), ${reached(['deciding', 'confirming', 'booted'])}`);

/** Answers with the state that was reached: one of these, or `{failed, …}`. */
export const awaitGate = (states: readonly GateState[]): string => evaluated(reached(states));

/** Lets the broker that is held go on, and waits until it is in one of these states. */
export const passGate = (states: readonly GateState[]): string =>
  evaluated(`ok = autocluster_gate:tell(ok), ${reached(states)}`);

/** Ends the boot of the broker that is held; its VM stays. */
export const refuseGate = evaluated(`ok = autocluster_gate:tell({error, refused}), ${reached(['failed'])}`);

/** Where a broker without data is to find its cluster: with nobody, it makes one of its own. Waits until it is there. */
export function placeGate(nodes: readonly string[]): string {
  const backend = 'rabbit_peer_discovery_classic_config';
  return evaluated(`
    ok = application:set_env(rabbit, cluster_formation, [{peer_discovery_backend, ${backend}}]),
    ok = application:set_env(rabbit, cluster_nodes, {[${nodes.join(', ')}], disc}),
    ok = autocluster_gate:tell(ok), ${reached(['confirming', 'booted'])}`);
}

/**
 * Where the boot of a broker stands. `admitted`: its membership is confirmed and its database open, so that it may be joined;
 * it does not serve yet. `none`: it was not started by us.
 */
export type GateState = 'idle' | 'booting' | 'deciding' | 'confirming' | 'admitted' | 'booted' | 'failed' | 'none';
