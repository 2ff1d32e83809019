import DarisConfiguration
import Testing

@Suite("Malformed files")
struct MalformedFileTests {
    static let head = "models: {net: {builtin: unet}}\ntasks:\n"

    static let table: [(text: String, error: String)] = [
        // Nothing there.
        ("", "t.yaml: the file is empty; it needs at least 'models' and 'tasks'"),
        ("# only a comment\n", "t.yaml: the file is empty; it needs at least 'models' and 'tasks'"),
        ("---\n...\n", "t.yaml: the file is empty; it needs at least 'models' and 'tasks'"),
        ("tasks: []", "t.yaml:1:1: 'models' is missing; write for example 'models: {net: {builtin: resnet18}}'"),
        (
            "models:\ntasks:\n", "t.yaml:1:8: models: there are no models; write for example 'net: {builtin: resnet18}'"
        ),
        (
            "models: {net: {builtin: unet}}",
            "t.yaml:1:1: 'tasks' is missing; write for example "
                + "'tasks: [{name: front, model: net, rate: 20 Hz, priority: high}]'"
        ),
        (
            "models: {net: {builtin: unet}}\ntasks: []",
            "t.yaml:2:8: tasks: there are no tasks; write for example "
                + "'- {name: front, model: net, rate: 20 Hz, priority: high}'"
        ),
        // Not YAML, or more than one may read.
        (
            "models:\n\tnet: 1",
            "t.yaml:2:1: not valid YAML: found character that cannot start any token while scanning for the next "
                + "token; indent with spaces, not tabs"
        ),
        (
            "models: {net: {builtin: unet}\ntasks: []",
            "t.yaml:2:1: not valid YAML: did not find expected ',' or '}' while parsing a flow mapping from line 1"
        ),
        (
            "models: 'unet",
            "t.yaml:1:14: not valid YAML: found unexpected end of stream while scanning a quoted scalar"
        ),
        ("run: \u{1}", "t.yaml:1:6: not valid YAML: control characters are not allowed"),
        ("run: *r", "t.yaml:1:6: not valid YAML: found undefined alias"),
        (
            "run: &r {seed: 1}\nscheduler: *r",
            "t.yaml:2:12: aliases such as '*r' are not supported; write the value out"
        ),
        (
            "run: {}\n---\nrun: {}",
            "t.yaml:2:1: not valid YAML: found another document; a task set is one document"
        ),
        ("run: {seed: 1}\nload: 1\nrun: {seed: 2}", "t.yaml:1:1: the key 'run' is given twice; keep one"),
        (head + "- {name: a, rate: 1, rate: 2}", "t.yaml:3:13: the key 'rate' is given twice; keep one"),
        ("load: 1\n!x load: 2", "t.yaml:2:1: the key 'load' is given twice; keep one"),
        ("[1]: 2", "t.yaml:1:1: a key must be a word, not a list or mapping"),
        // Unknown keys.
        (
            "model: {}",
            "t.yaml:1:1: unknown key 'model'; did you mean 'models'? allowed are device, partition, isolation, gpu, models, tasks, "
                + "load, scheduler, run, serve"
        ),
        (
            "<<: {}",
            "t.yaml:1:1: unknown key '<<'; allowed are device, partition, isolation, gpu, models, tasks, load, scheduler, run, serve"
        ),
        (
            head + "- {name: a, piority: high}",
            "t.yaml:3:13: tasks[0]: unknown key 'piority'; did you mean 'priority'? allowed are name, model, rate, "
                + "period, deadline, priority, batch, phase, late, overrun, arrival, count, instances"
        ),
        (
            "partition: {quota: 3}",
            "t.yaml:1:13: partition: unknown key 'quota'; allowed are contexts, streams, oversubscription, express, kind"
        ),
        (
            "models: {net: {buildin: unet}}\ntasks: []",
            "t.yaml:1:16: models.net: unknown key 'buildin'; did you mean 'builtin'? allowed are builtin, file, "
                + "stages, dimensions, seed"
        ),
        (
            text(top: "scheduler: {migrations: false}"),
            "t.yaml:5:13: scheduler: unknown key 'migrations'; did you mean 'migration'? allowed are policy, window, "
                + "wcet, last_stage_level, late_level, fixed_priority, migration, admission, forgetting, staging, "
                + "batching, batching_without, rules"
        ),
        (
            text(top: "scheduler: {rules: published, batching: on}"),
            "t.yaml:5:20: scheduler.rules: the published implementation has neither batches nor express lanes, and here "
                + "batching is on; write paper, or 'batching: off' and 'express: 0'"
        ),
        (
            text(top: "scheduler: {rules: both}"),
            "t.yaml:5:20: scheduler.rules: 'both' is not one of paper, published"
        ),
        (
            text(top: "run: {durration: 1 s}"),
            "t.yaml:5:7: run: unknown key 'durration'; did you mean 'duration'? allowed are duration, seed"
        ),
        (
            text(task: "rate: 1, priority: low, overrun: {limit: 3}"),
            "t.yaml:4:65: tasks[0].overrun: unknown key 'limit'; allowed is queue"
        ),
        // Wrong types.
        ("just words", "t.yaml:1:1: must be a mapping such as 'tasks: ...'"),
        ("models: [a]\ntasks: []", "t.yaml:1:9: models: must be a mapping such as 'net: {builtin: resnet18}'"),
        (
            "models: {net: unet}\ntasks: []",
            "t.yaml:1:15: models.net: must be a mapping such as '{builtin: resnet18, stages: 4}'"
        ),
        (head + "  a: {}", "t.yaml:3:3: tasks: must be a list; begin each entry with '- '"),
        (
            head + "- front",
            "t.yaml:3:3: tasks[0]: must be a mapping such as '{name: front, model: net, rate: 20 Hz, priority: high}'"
        ),
        (
            text(top: "partition: {contexts: two}"),
            "t.yaml:5:23: partition.contexts: 'two' is not a whole number; write one from 1 to 256"
        ),
        (
            text(top: "partition: {contexts: 1.5}"),
            "t.yaml:5:23: partition.contexts: '1.5' is not a whole number; write one from 1 to 256"
        ),
        (
            text(top: "partition: {contexts: [2]}"),
            "t.yaml:5:23: partition.contexts: is a list; write a whole number from 1 to 256, for example '1'"
        ),
        (
            text(top: "partition: {contexts: 99999999999999999999}"),
            "t.yaml:5:23: partition.contexts: '99999999999999999999' is outside 1 to 256"
        ),
        (
            text(top: "partition: {oversubscription: all}"),
            "t.yaml:5:31: partition.oversubscription: 'all' is not a number; write one from 1 to 1, the number of "
                + "contexts"
        ),
        (
            text(top: "partition: {oversubscription: .nan}"),
            "t.yaml:5:31: partition.oversubscription: '.nan' is not a number; write one from 1 to 1, the number of "
                + "contexts"
        ),
        (text(top: "scheduler: {wcet: yes}"), "t.yaml:5:19: scheduler.wcet: 'yes' is not one of true, false"),
        (text(top: "scheduler: {policy: rms}"), "t.yaml:5:21: scheduler.policy: 'rms' is not one of daris, edf, fifo"),
        // Devices.
        (
            "device: cuda:x",
            "t.yaml:1:9: device: 'cuda:x' is not a device; use cpu, cuda (or cuda:1 for the second GPU), or simulate rtx2080ti, h200, a100, orin or a device file (NAME.json)"
        ),
        (
            "device: tpu",
            "t.yaml:1:9: device: 'tpu' is not a device; use cpu, cuda (or cuda:1 for the second GPU), or simulate rtx2080ti, h200, a100, orin or a device file (NAME.json)"
        ),
        (
            "partition: {kind: green}",
            "t.yaml:1:19: partition.kind: 'green' is not a kind of partition for device cpu; device cpu has cores; "
                + "GPUs have streams, mps, green"
        ),
        (
            "device: h200\npartition: {kind: cores}",
            "t.yaml:2:19: partition.kind: 'cores' is not a kind of partition for device h200; device cpu has cores; "
                + "GPUs have streams, mps, green"
        ),
        (
            "device: h200\npartition: {kind: streams, contexts: 2}",
            "t.yaml:2:19: partition.kind: kind streams has one context, not 2; use mps or green, or 'contexts: 1'"
        ),
        // Models.
        (
            text(model: "{builtin: resnet19}"),
            "t.yaml:2:18: models.net.builtin: 'resnet19' is not a built-in network; did you mean 'resnet18'? built in "
                + "are resnet18, resnet50, unet, inception_v3"
        ),
        (
            text(model: "{stages: 2}"),
            "t.yaml:2:8: models.net: needs a network; write 'builtin: resnet18' or 'file: models/net.onnx'"
        ),
        (
            text(model: "{builtin: unet, file: m.onnx}"),
            "t.yaml:2:8: models.net: has both 'builtin' and 'file'; keep one"
        ),
        (
            text(model: "{builtin: unet, stages: many}"),
            "t.yaml:2:32: models.net.stages: 'many' is not a number of stages; write auto or a whole number from 1 "
                + "to 64"
        ),
        (
            text(model: "{file: models/}"),
            "t.yaml:2:15: models.net.file: 'models/' is not the path of a file; write for example 'models/net.onnx'"
        ),
        (
            text(model: "{file: \"a\\nb\"}"),
            "t.yaml:2:15: models.net.file: 'a\\u{a}b' is not the path of a file; write for example 'models/net.onnx'"
        ),
        (
            text(model: "{builtin: unet, dimensions: {h: 2}}"),
            "t.yaml:2:36: models.net.dimensions: are for models from a file; a built-in network has none to choose"
        ),
        (
            text(model: "{file: m.onnx, seed: 2}"),
            "t.yaml:2:29: models.net.seed: is for the weights of built-in networks; a file has its own weights"
        ),
        (
            "models: {my net: {builtin: unet}}\ntasks: []",
            "t.yaml:1:10: models: 'my net' is not a name; use letters A to Z, digits, '_', '.' and '-'"
        ),
        // Tasks.
        (
            head + "- {model: net, rate: 1, priority: low}",
            "t.yaml:3:3: tasks[0]: 'name' is missing; write for example 'name: front'"
        ),
        (
            head + "- {name: , model: net, rate: 1, priority: low}",
            "t.yaml:3:10: tasks[0].name: has no value; write a name, for example 'front'"
        ),
        (
            head + "- {name: 'a b', model: net, rate: 1, priority: low}",
            "t.yaml:3:10: tasks[0].name: 'a b' is not a name; use letters A to Z, digits, '_', '.' and '-'"
        ),
        (
            head + "- {name: a, model: met, rate: 1, priority: low}",
            "t.yaml:3:20: tasks[0].model: there is no model 'met'; did you mean 'net'?"
        ),
        (
            head + "- {name: a, model: yolo, rate: 1, priority: low}",
            "t.yaml:3:20: tasks[0].model: there is no model 'yolo'; declare it under 'models'"
        ),
        (
            head + "- {name: a-1, model: net, rate: 1, priority: low}\n"
                + "- {name: a, model: net, rate: 1, priority: low, count: 2}",
            "t.yaml:4:10: tasks[1].name: 'a-1' is already the name of a task in line 3; give each its own name"
        ),
        (
            text(task: "priority: high"),
            "t.yaml:4:5: tasks[0]: needs a rate or a period; write 'rate: 20 Hz' or 'period: 50 ms'"
        ),
        (
            text(task: "rate: 1, period: 1 s, priority: high"),
            "t.yaml:4:48: tasks[0].period: the task has a rate already; keep one of 'rate' and 'period'"
        ),
        (
            text(task: "rate: 20 Hertz, priority: high"),
            "t.yaml:4:37: tasks[0].rate: '20 Hertz' is not a rate; write for example '20 Hz'"
        ),
        (
            text(task: "rate: nan, priority: high"),
            "t.yaml:4:37: tasks[0].rate: 'nan' is not a rate; write for example '20 Hz'"
        ),
        (
            text(task: "rate: -20 Hz, priority: high"),
            "t.yaml:4:37: tasks[0].rate: '-20 Hz' is outside 1/3600 Hz to 100 kHz"
        ),
        (
            text(task: "rate: 1e999 Hz, priority: high"),
            "t.yaml:4:37: tasks[0].rate: '1e999 Hz' is outside 1/3600 Hz to 100 kHz"
        ),
        (
            text(task: "period: 100, priority: high"),
            "t.yaml:4:39: tasks[0].period: '100' has no unit; write for example '100 ms'"
        ),
        (
            text(task: "period: 100 msec, priority: high"),
            "t.yaml:4:39: tasks[0].period: '100 msec' is not a time; write for example '100 ms' (units: ns, us, ms, "
                + "s, min, h, d)"
        ),
        (
            text(task: "period: soon, priority: high"),
            "t.yaml:4:39: tasks[0].period: 'soon' is not a time; write for example '100 ms'"
        ),
        (
            text(task: "rate: 1"),
            "t.yaml:4:5: tasks[0]: 'priority' is missing; write for example 'priority: high'"
        ),
        (
            text(task: "rate: 1, priority: urgent"),
            "t.yaml:4:50: tasks[0].priority: 'urgent' is not one of high, low, HP, LP"
        ),
        (
            text(task: "rate: 1, priority: {}"),
            "t.yaml:4:50: tasks[0].priority: is a mapping; write one of high, low, HP, LP, for example 'high'"
        ),
        (
            text(task: "rate: 1, priority: low, late: skip"),
            "t.yaml:4:61: tasks[0].late: 'skip' is not one of run, drop"
        ),
        (
            text(task: "rate: 1, priority: low, overrun: drop"),
            "t.yaml:4:64: tasks[0].overrun: 'drop' is not one of skip, queue"
        ),
        (
            text(task: "rate: 1, priority: low, arrival: sporadic, phase: 1 ms"),
            "t.yaml:4:81: tasks[0].phase: a sporadic task has no phase, since its jobs come from outside; take it out"
        ),
        (
            text(task: "rate: 1, priority: low, arrival: poisson, phase: 1 ms"),
            "t.yaml:4:80: tasks[0].phase: a poisson task has no phase, since its jobs come at random; take it out"
        ),
        (
            text(task: "rate: 1, priority: low, arrival: {on: 1 s, off: 1 s}, phase: 1 ms"),
            "t.yaml:4:92: tasks[0].phase: a task with bursts has no phase, since they begin at random; take it out"
        ),
        (
            text(task: "rate: 1, priority: low, arrival: random"),
            "t.yaml:4:64: tasks[0].arrival: 'random' is not one of periodic, sporadic, poisson"
        ),
        (
            text(task: "rate: 1, priority: low, arrival: [poisson]"),
            "t.yaml:4:64: tasks[0].arrival: is a list; write one of periodic, sporadic, poisson, for example 'periodic'"
        ),
        (
            text(task: "rate: 1, priority: low, arrival: {}"),
            "t.yaml:4:64: tasks[0].arrival: needs a kind; write 'jitter: 5 ms', 'sporadic: 10 ms', 'on: 200 ms, "
                + "off: 800 ms' or 'trace: times.txt'"
        ),
        (
            text(task: "rate: 1, priority: low, arrival: {jiter: 5 ms}"),
            "t.yaml:4:65: tasks[0].arrival: unknown key 'jiter'; did you mean 'jitter'? allowed are jitter, sporadic, "
                + "on, off, trace"
        ),
        (
            text(task: "rate: 1, priority: low, arrival: {trace: t.txt, sporadic: 5 ms}"),
            "t.yaml:4:64: tasks[0].arrival: has both 'sporadic' and 'trace'; keep one"
        ),
        (
            text(task: "rate: 1, priority: low, arrival: {on: 1 s}"),
            "t.yaml:4:64: tasks[0].arrival: 'off' is missing; write for example 'off: 800 ms'"
        ),
        (
            text(task: "rate: 1, priority: low, arrival: {off: 1 s}"),
            "t.yaml:4:70: tasks[0].arrival.off: goes with 'on'; write for example '{on: 200 ms, off: 800 ms}'"
        ),
        (
            text(task: "rate: 1, priority: low, arrival: {off: 1 s, jitter: 1 ms}"),
            "t.yaml:4:70: tasks[0].arrival.off: goes with 'on'; write for example '{on: 200 ms, off: 800 ms}'"
        ),
        (
            text(task: "rate: 1, priority: low, arrival: {jitter: 5}"),
            "t.yaml:4:73: tasks[0].arrival.jitter: '5' has no unit; write for example '100 ms'"
        ),
        (
            text(task: "rate: 20 Hz, priority: low, arrival: {jitter: 51 ms}"),
            "t.yaml:4:77: tasks[0].arrival.jitter: '51 ms' is longer than the period of 50 ms; keep to it"
        ),
        (
            text(task: "rate: 1, priority: low, arrival: {trace: a/}"),
            "t.yaml:4:72: tasks[0].arrival.trace: 'a/' is not the path of a file; write for example 'times.txt'"
        ),
        // The load.
        (
            text(top: "load: 150"),
            "t.yaml:5:7: load: '150' may mean per cent or times; write it with '%', or as a plain number up to 10"
        ),
        (text(top: "load: full"), "t.yaml:5:7: load: 'full' is not a share; write for example '150 %'"),
        (text(top: "load:"), "t.yaml:5:6: load: has no value; write a share, for example '150 %'"),
    ]

    @Test("each is refused with its place, what is wrong and what would be right", arguments: table)
    func refused(text: String, error: String) {
        #expect(complaint(text) == error)
    }

    @Test("every error is one line, however wild the value")
    func oneLine() throws {
        let wild = String(repeating: "\\n\\t\\u2028é😀", count: 2_000)
        let message = try #require(complaint(text(task: "rate: \"\(wild)\", priority: low")))
        let isOneLine = !message.contains(where: \.isNewline)
        #expect(isOneLine)
        #expect(message.unicodeScalars.count < 400)
    }

    @Test("a bomb of aliases is refused before it goes off, as a value and as a key")
    func aliasBombs() {
        var bomb = "a0: &a0 [x, x]\n"
        for level in 1...40 { bomb += "a\(level): &a\(level) [*a\(level - 1), *a\(level - 1)]\n" }
        let refusal = "t.yaml:2:10: aliases such as '*a0' are not supported; write the value out"
        #expect(complaint(bomb) == refusal)
        #expect(complaint(bomb + "? *a40\n: 1\n") == refusal)
        // A quote within a plain text begins no quotation, so it must hide no alias.
        #expect(
            complaint("a: it's\nb: &b [x]\nc: *b\nd: it's")
                == "t.yaml:3:4: aliases such as '*b' are not supported; write the value out")
    }

    @Test(
        "deep nesting is an error, in brackets and in dashes",
        arguments: [100, 1_000, 100_000])
    func deepNesting(depth: Int) {
        #expect(
            complaint("tasks: " + String(repeating: "[", count: depth))
                == "t.yaml:1:72: brackets are nested more than 64 deep; a task set needs 3")
        #expect(complaint(String(repeating: "- ", count: depth)) != nil)
        #expect(complaint(String(repeating: "? ", count: depth)) != nil)
        // Closing brackets in comments hide the opening ones from the first search; libYAML has a limit of its own.
        #expect(complaint(String(repeating: "[ # ]\n", count: depth)) != nil)
    }
}
