import Foundation
import Testing

/// Something wrong, and what `daris` must say of it.
struct MalformedInput: Sendable, CustomTestStringConvertible {
    enum Text: Sendable {
        /// The whole error.
        case exactly(String)
        /// Parts of it; the rest is ONNX Runtime's or the parser's.
        case with([String])
    }

    var name: String
    var arguments: [String]
    var files: [String: [UInt8]] = [:]
    var exitCode: Int32
    var error: Text

    var testDescription: String { name }
}

extension MalformedInput {
    static let onnx = ["net.onnx": TestModels.small]

    /// A task set that is wrong: exit code 2, and an error that begins with the file's name.
    static func taskSet(_ name: String, _ yaml: String, _ error: String) -> Self {
        taskSet(name, bytes: Array(yaml.utf8), error)
    }

    static func taskSet(_ name: String, bytes: [UInt8], _ error: String) -> Self {
        MalformedInput(
            name: "task set: \(name)", arguments: ["run", "t.yaml"],
            files: onnx.merging(["t.yaml": bytes]) { $1 }, exitCode: 2, error: .exactly("t.yaml\(error)"))
    }

    /// A task set with these fields of its one task.
    static func task(_ name: String, _ fields: String, _ error: String) -> Self {
        taskSet(name, "models: {net: {file: net.onnx}}\ntasks:\n- {name: a, \(fields)}\n", error)
    }

    /// A model file that is wrong: exit code 1.
    static func model(_ name: String, _ bytes: [UInt8], stages: Int = 2, _ error: Text) -> Self {
        MalformedInput(
            name: "model: \(name)", arguments: ["split", "net.onnx", "--stages", "\(stages)"],
            files: ["net.onnx": bytes], exitCode: 1, error: error)
    }

    /// Arguments that are wrong, beside a task set and a model that are right: exit code 2.
    static func usage(_ arguments: String, _ error: Text, exitCode: Int32 = 2) -> Self {
        let taskSet =
            "models: {net: {file: net.onnx, stages: 2}}\n"
            + "tasks: [{name: a, model: net, rate: 10 Hz, priority: high}]\nrun: {duration: 100 ms}\n"
        return MalformedInput(
            name: "daris \(arguments)", arguments: arguments.split(separator: " ").map(String.init),
            files: onnx.merging(["t.yaml": Array(taskSet.utf8)]) { $1 }, exitCode: exitCode, error: error)
    }

    static let table: [MalformedInput] = [
        // Task sets.
        .usage("run missing.yaml", .exactly("missing.yaml: there is no such file; check the path")),
        .usage("run .", .exactly(".: is a folder; name the YAML file in it")),
        .taskSet("empty", "", ": the file is empty; it needs at least 'models' and 'tasks'"),
        .taskSet(
            "tab", "models:\n\tnet: 1",
            ":2:1: not valid YAML: found character that cannot start any token while scanning for the next token; "
                + "indent with spaces, not tabs"),
        .taskSet(
            "not UTF-8", bytes: Array("models: {}\ntasks: caf".utf8) + [0xe9, 0x0a],
            ":2:11: is not UTF-8 here; save the file as UTF-8"),
        .taskSet(
            "key given twice", "run: {seed: 1}\nload: 1\nrun: {seed: 2}", ":1:1: the key 'run' is given twice; keep one"
        ),
        .taskSet(
            "no tasks", "models: {net: {file: net.onnx}}\ntasks: []\n",
            ":2:8: tasks: there are no tasks; write for example "
                + "'- {name: front, model: net, rate: 20 Hz, priority: high}'"),
        .taskSet(
            "oversubscription", "partition: {contexts: 2, oversubscription: 3}\nmodels: {}\ntasks: []\n",
            ":1:44: partition.oversubscription: '3' is outside 1 to 2, the number of contexts"),
        .taskSet(
            "unknown network", "models: {net: {builtin: resnet19}}\ntasks: []",
            ":1:25: models.net.builtin: 'resnet19' is not a built-in network; did you mean 'resnet18'? built in are "
                + "resnet18, resnet50, unet, inception_v3"),
        .taskSet(
            "aliases", "run: &r {seed: 1}\nscheduler: *r",
            ":2:12: aliases such as '*r' are not supported; write the value out"),
        .task(
            "unknown key", "piority: high",
            ":3:13: tasks[0]: unknown key 'piority'; did you mean 'priority'? allowed are name, model, rate, period, "
                + "deadline, priority, batch, phase, late, overrun, arrival, count, instances"),
        .task(
            "bad rate", "model: net, rate: 20 Hertz, priority: high",
            ":3:31: tasks[0].rate: '20 Hertz' is not a rate; write for example '20 Hz'"),
        .task(
            "unknown arrival", "model: net, rate: 1, priority: high, arrival: often",
            ":3:59: tasks[0].arrival: 'often' is not one of periodic, sporadic, poisson"),
        .task(
            "no trace", "model: net, rate: 1, priority: high, arrival: {trace: /no/times.txt}",
            ":3:67: tasks[0].arrival.trace: '/no/times.txt': there is no such file; check the path"),
        .task(
            "no unit", "model: net, period: 100, priority: high",
            ":3:33: tasks[0].period: '100' has no unit; write for example '100 ms'"),
        .task(
            "rate and period", "model: net, rate: 1, period: 1 s, priority: high",
            ":3:42: tasks[0].period: the task has a rate already; keep one of 'rate' and 'period'"),
        .task(
            "unknown model", "model: met, rate: 1, priority: high",
            ":3:20: tasks[0].model: there is no model 'met'; did you mean 'net'?"),
        .task(
            "name given twice", "model: net, rate: 1, priority: low}\n- {name: a, model: net, rate: 1, priority: low",
            ":4:10: tasks[1].name: 'a' is already the name of a task in line 3; give each its own name"),
        // Models.
        MalformedInput(
            name: "model: missing, in a task set", arguments: ["run", "t.yaml"],
            files: [
                "t.yaml": Array(
                    "models: {net: {file: gone.onnx}}\ntasks: [{name: a, model: net, rate: 1, priority: low}]".utf8)
            ], exitCode: 1, error: .exactly("model 'net': cannot read gone.onnx: No such file or directory")),
        .usage("split .", .with(["cannot read .: it is a directory"]), exitCode: 1),
        .model("empty", [], .exactly("model 'net': net.onnx is not an ONNX model: the file is empty")),
        .model(
            "text", Array("hello, world\n".utf8),
            .exactly(
                "model 'net': net.onnx is not an ONNX model: it is damaged, cut short or of another format (it is not a "
                    + "protobuf message)")),
        .model(
            "cut short", Array(TestModels.small.dropLast(40)),
            .exactly(
                "model 'net': net.onnx is not an ONNX model: it is damaged, cut short or of another format (it ends too "
                    + "early)")),
        .model(
            "no output", TestModels.noOutput,
            .exactly("model 'net': net.onnx is not an ONNX model: its graph has no output")),
        .model(
            "undefined tensor", TestModels.undefinedTensor,
            .exactly(
                "model 'net': the model is invalid: node \"sum\" reads the tensor \"ghost\", which nothing produces")),
        .model(
            "cycle", TestModels.cyclic,
            .exactly("model 'net': the model is invalid: node \"first\" depends on its own output")),
        .model(
            "weights missing", TestModels.external(location: "gone.bin"),
            .exactly(
                "model 'net': cannot load the weight \"w\" of net.onnx from the file beside it: ./gone.bin is missing or "
                    + "not readable; keep it in the same folder as the model")),
        .model(
            "weights outside the folder", TestModels.external(location: "../../etc/passwd"),
            .exactly(
                "model 'net': cannot load the weight \"w\" of net.onnx from the file beside it: ../../etc/passwd lies "
                    + "outside the model's folder, which is not allowed")),
        .model(
            "unknown operator", TestModels.unknownOperator,
            .with(["model 'net': ONNX Runtime's ", "No Op registered for Frobnicate"])),
        .model(
            "dimension without a value", TestModels.symbolicWidth,
            .exactly(
                "model 'net': dimension 1 of its input 'x' is the symbol 'width'; give it a value, for example "
                    + "'dimensions: {width: 128}' under the model in a task set, or '--dimension width=128'")),
        .model(
            "more stages than nodes", TestModels.small, stages: 9,
            .exactly(
                "model 'net': cannot cut the model into 9 stages: ask for 1 to 3, since it has 3 nodes that compute "
                    + "something from the input")),
        .model(
            "fails at every run", TestModels.drawing(from: 110, to: 120), stages: 1,
            .with(["model 'net': ONNX Runtime's ", "Name:'look up'", "indices element out of data bounds"])),
        .usage(
            "profile net.onnx --stages 1 --batch 2",
            .exactly(
                "model 'net': its input 'x' has a fixed first dimension of 1, so it cannot be run with batch 2; export it "
                    + "with a symbolic batch dimension"), exitCode: 1),
        // Options.
        .usage(
            "profle net.onnx",
            .exactly(
                "there is no command 'profle'; did you mean 'profile'? there are run, simulate, report, trace, serve, load, plan, ablate, check, "
                    + "profile, split, model, gpu-check, doctor, reproduce, calibrate")),
        .usage("--frobnicate", .with(["Unknown option '--frobnicate'"])),
        .usage("run t.yaml --frobnicate", .with(["Unknown option '--frobnicate'"])),
        .usage("run", .with(["Missing expected argument '<taskset>'"])),
        .usage("run t.yaml u.yaml", .with(["Unexpected argument 'u.yaml'"])),
        .usage("run t.yaml --contexts two", .with(["'two'", "--contexts"])),
        .usage("run t.yaml --contexts 0", .exactly("--contexts: 0 is outside 1 to 256")),
        .usage("run t.yaml --record", .with(["Missing value for '--record <file>'"])),
        .usage("run t.yaml --load abc", .exactly("--load: 'abc' is not a share; write for example '150 %'")),
        .usage("run t.yaml --duration 5", .exactly("--duration: '5' has no unit; write for example '100 ms'")),
        .usage(
            "check t.yaml --duration 0s", .exactly("--duration: 0 s is outside 1 ms to 7 d")),
        .usage("run t.yaml --policy x", .with(["--policy: ", "'x'", "daris, edf"])),
        .usage(
            "check t.yaml --oversubscription 9",
            .exactly("--oversubscription: 9 is outside 1 to 1, the number of contexts")),
        .usage("check t.yaml --device tpu", .with(["--device: 'tpu' is not a device"])),
        .usage(
            "split net.onnx --stages 0",
            .exactly("--stages: '0' is neither auto nor a whole number from 1 to 64")),
        .usage(
            "split net.onnx --dimension width",
            .exactly("--dimension: 'width' is not name=value with a positive whole number")),
        .usage(
            "split net.onnx --precision int8",
            .exactly(
                "--precision: models are only converted to fp16, not to 'int8'; leave it out for stages in the model's own "
                    + "precision")),
        .usage("split net.onnx --period 5", .exactly("--period: '5' has no unit; write for example '100 ms'")),
        .usage(
            "split renset18",
            .exactly(
                "renset18: there is no such file, nor a built-in network of that name; did you mean 'resnet18'? built in "
                    + "are resnet18, resnet50, unet, inception_v3")),
        .usage("profile net.onnx --batch 0", .exactly("--batch: 0 is outside 1 to 256")),
        .usage(
            "model resnet19",
            .exactly(
                "there is no built-in network 'resnet19'; did you mean 'resnet18'? there are resnet18, resnet50, unet, "
                    + "inception_v3")),
        // A server and its clients.
        .usage("serve", .exactly("name a task set, or a folder of models with --models")),
        .usage("serve t.yaml --models .", .exactly("name a task set or a folder of models, not both")),
        .usage(
            "serve --models missing", .exactly("--models: 'missing' cannot be read; name a folder with ONNX files")),
        .usage(
            "serve t.yaml --duration 5s",
            .exactly("--duration: a server runs until it is stopped; leave it out")),
        .usage("serve --models . --instances 0", .exactly("--instances: 0 is outside 1 to 256")),
        .usage(
            "serve --models . --deadline 5", .exactly("--deadline: '5' has no unit; write for example '100 ms'")),
        .usage(
            "serve t.yaml --http 127.0.0.1:99999",
            .exactly("--http: '127.0.0.1:99999' is not an address; write for example '127.0.0.1:8000', or 'off'")),
        .usage(
            "serve t.yaml --http 1.2.3.4:80",
            .with(["other machines could reach 1.2.3.4:80 without a token", "--insecure"])
        ),
        .usage(
            "serve t.yaml --http off --grpc off",
            .exactly("neither HTTP nor gRPC is to be spoken; give one of them an address")),
        .usage(
            "serve t.yaml --http 127.0.0.1:0 --grpc off",
            .exactly(
                "t.yaml: there is no task to serve; set 'arrival: sporadic' in those for clients")),
        .usage("load", .with(["Missing expected argument '<url>'"])),
        .usage(
            "load 127.0.0.1:8000 --model x",
            .exactly("'127.0.0.1:8000' is not the address of a server; write for example http://127.0.0.1:8000")),
        .usage(
            "load http://127.0.0.1:8000 --model x --rate fast",
            .exactly("--rate: 'fast' is not a rate; write for example '20 Hz'")),
        .usage(
            "load http://127.0.0.1:8000 --model x --concurrency 0",
            .exactly("--concurrency: 0 is outside 1 to 65536")),
        .usage(
            "load http://127.0.0.1:8000 --model x --token none",
            .exactly("--token: 'none' cannot be read, or holds no token")),
        .usage(
            "load http://127.0.0.1:1 --model x",
            .exactly("http://127.0.0.1:1/v2/models/x does not answer: Connection refused; is a server there?"),
            exitCode: 1),
        // Places that cannot be written to.
        .usage(
            "model resnet18 -o gone/net.onnx", .exactly("cannot write gone/net.onnx: No such file or directory"),
            exitCode: 1),
        .usage(
            "split net.onnx -o net.onnx", .exactly("cannot write to the folder net.onnx: Not a directory"), exitCode: 1),
        .usage(
            "split net.onnx -o t.yaml/stages", .exactly("cannot write to the folder t.yaml: Not a directory"),
            exitCode: 1),
    ]
}

@Suite("Malformed inputs")
struct MalformedInputTests {
    @Test("each ends with one error that says what is valid", arguments: MalformedInput.table)
    func refused(input: MalformedInput) throws {
        let workplace = try Workplace()
        for (name, bytes) in input.files { try workplace.write(bytes, to: name) }
        let result = try workplace.daris(input.arguments)

        #expect(result.exitCode == input.exitCode)
        #expect(result.output.isEmpty)
        #expect(!result.hasTrace)
        let first = try #require(result.errorLines.first)
        switch input.error {
        case .exactly(let text):
            #expect(result.errorLines == ["error: \(text)"])
        case .with(let parts):
            #expect(first.hasPrefix("error: "))
            for part in parts { #expect(first.contains(part)) }
            // The parser adds how the command is used, nothing else may follow.
            for line in result.errorLines.dropFirst() {
                #expect(["Help:", "Usage:", "  See '"].contains { line.hasPrefix($0) }, "\(line)")
            }
        }
    }

    @Test("the table is as long as promised, and no two entries are the same")
    func enough() {
        #expect(MalformedInput.table.count >= 20)
        #expect(Set(MalformedInput.table.map(\.name)).count == MalformedInput.table.count)
    }

    @Test("a cut that fails leaves no folder behind")
    func noFolderLeft() throws {
        let workplace = try Workplace()
        try workplace.write(TestModels.cyclic, to: "net.onnx")
        #expect(try workplace.daris("split", "net.onnx", "-o", "stages").exitCode == 1)
        #expect(!FileManager.default.fileExists(atPath: workplace.path("stages")))
    }
}
