/**
 * Erlang that answers in one form whatever the way it is asked: the text of a JSON document in base64, which no printer of
 * Erlang terms breaks into lines or quotes. `body` ends with a term that JSON has, texts as binaries.
 */
export function evaluated(body: string): string {
  const guarded = `try (fun() -> ${body} end)() of Value -> #{value => Value}
    catch Class:Reason -> #{error => iolist_to_binary(io_lib:format("~0p", [{Class, Reason}]))} end`;
  return `binary_to_list(base64:encode(iolist_to_binary(rabbit_json:encode(${guarded})))).`.replaceAll(/\s+/g, ' ');
}

const quoted = (text: string) => text.replaceAll(/[\\']/g, String.raw`\$&`);

/** An Erlang atom of any characters. */
export const atom = (text: string): string => `'${quoted(text)}'`;

/** An Erlang binary of any text. */
export const binary = (text: string): string => `base64:decode("${Buffer.from(text).toString('base64')}")`;

/** Writes the identity of the cluster where every member has it, and every node that joins gets it. */
export const writeParameter = (text: string): string =>
  evaluated(
    `ok = rabbit_runtime_parameters:set_global(autocluster, ${binary(text)}, <<"autocluster">>), <<"written">>`,
  );

/** How many queues count on a copy on a node. A queue that cannot tell counts: to look for a copy in vain costs a command. */
export const queuesOn = (node: string): string =>
  evaluated(`length([Queue || Queue <- rabbit_amqqueue:list(), 
    code:ensure_loaded(rabbit_amqqueue) =:= {module, rabbit_amqqueue},
    lists:member(${atom(node)}, try rabbit_amqqueue:get_quorum_nodes(Queue) catch _:_ -> [${atom(node)}] end)])`);
