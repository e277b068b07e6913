// Checks whether a history of calls to one lock and its record could have happened in one order.
//
// Reads JSON from standard input: an array of operations. Exit code 0: it could. 1: it could not. 2: undecided or unreadable.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/anishathalye/porcupine"
)

// An Operation is one call. Unknown: nobody knows whether it took effect, and it may still do so until the end.
type Operation struct {
	Client  int    `json:"client"`
	Verb    string `json:"verb"` // lock, renew, unlock, commit, read
	Attempt string `json:"attempt"`
	Record  string `json:"record"` // commit: what it writes; read: what it saw, empty for none
	Token   int64  `json:"token"`
	Answer  string `json:"answer"` // held, busy, lost, released, seen, unknown
	Call    int64  `json:"call"`
	Return  int64  `json:"return"`
}

// State is what the store holds. A holder whose token nobody has been told yet has token 0.
type State struct {
	Holder string
	Token  int64
	Last   int64
	Record string
	Writer string
}

func taken(state State, operation Operation) []interface{} {
	next := state
	if state.Holder == "" {
		if operation.Token <= state.Last {
			return nil
		}
		next.Holder, next.Token, next.Last = operation.Attempt, operation.Token, operation.Token
		return []interface{}{next}
	}
	if state.Holder != operation.Attempt || (state.Token != 0 && state.Token != operation.Token) {
		return nil
	}
	if state.Token == 0 && operation.Token <= state.Last {
		return nil
	}
	next.Token, next.Last = operation.Token, operation.Token
	return []interface{}{next}
}

func freed(state State) State {
	state.Holder, state.Token = "", 0
	return state
}

func written(state State, operation Operation) State {
	next := freed(state)
	next.Record, next.Writer = operation.Record, operation.Attempt
	return next
}

func when(holds bool, state State) []interface{} {
	if !holds {
		return nil
	}
	return []interface{}{state}
}

func step(state State, operation Operation) []interface{} {
	mine := state.Holder == operation.Attempt && operation.Attempt != ""
	same := []interface{}{state}
	switch operation.Verb + " " + operation.Answer {
	case "lock held":
		return taken(state, operation)
	case "lock busy":
		return when(state.Holder != "" && !mine, state)
	case "lock unknown":
		if state.Holder != "" {
			return same
		}
		next := state
		next.Holder, next.Token = operation.Attempt, 0
		return append(same, next)
	case "renew held":
		return when(mine, state)
	case "renew lost":
		return when(!mine, state)
	case "renew unknown":
		return same
	case "unlock released":
		return when(mine, freed(state))
	case "unlock lost":
		return when(!mine, state)
	case "unlock unknown":
		if mine {
			return append(same, freed(state))
		}
		return same
	case "commit released":
		if mine {
			return []interface{}{written(state, operation)}
		}
		return when(state.Record == operation.Record, state)
	case "commit lost":
		return when(!mine && state.Record != operation.Record, state)
	case "commit unknown":
		if mine {
			return append(same, written(state, operation))
		}
		return same
	case "read seen":
		return when(state.Record == operation.Record, state)
	}
	panic("no such operation: " + operation.Verb + " " + operation.Answer)
}

var model = porcupine.NondeterministicModel{
	Init:              func() []interface{} { return []interface{}{State{}} },
	Step:              func(state, input, _ interface{}) []interface{} { return step(state.(State), input.(Operation)) },
	Equal:             func(a, b interface{}) bool { return a.(State) == b.(State) },
	DescribeOperation: func(input, _ interface{}) string { return fmt.Sprintf("%+v", input) },
}

func main() {
	var history []Operation
	if err := json.NewDecoder(os.Stdin).Decode(&history); err != nil {
		fmt.Println("unreadable:", err)
		os.Exit(2)
	}
	operations := make([]porcupine.Operation, len(history))
	for index, each := range history {
		operations[index] = porcupine.Operation{ClientId: each.Client, Input: each, Call: each.Call, Return: each.Return}
	}
	result := porcupine.CheckOperationsTimeout(model.ToModel(), operations, 30*time.Second)
	fmt.Println(result)
	switch result {
	case porcupine.Ok:
	case porcupine.Illegal:
		os.Exit(1)
	default:
		os.Exit(2)
	}
}
