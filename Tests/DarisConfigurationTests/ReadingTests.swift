import DarisConfiguration
import DarisCore
import Testing

@Suite("Reading a task set")
struct ReadingTests {
    @Test(
        "batching is on, off, or the most jobs of a batch",
        arguments: [("on", 8), ("off", nil), ("16", 16), ("2", 2)] as [(String, Int?)])
    func batching(text: String, jobs: Int?) throws {
        let set = try TaskSet.parse(exampleText + "\nscheduler: {batching: \(text)}\n", file: "t.yaml")
        #expect(set.scheduler.batching == jobs)
        #expect(try TaskSet.parse(set.rendered(), file: "t.yaml").scheduler == set.scheduler)
    }

    @Test("a batch of one job, or of more than 64, is refused", arguments: ["1", "65", "-2", "many"])
    func wrongBatching(text: String) {
        #expect(throws: ConfigurationError.self) {
            try TaskSet.parse(exampleText + "\nscheduler: {batching: \(text)}\n", file: "t.yaml")
        }
    }

    @Test("the example says what it seems to say")
    func example() throws {
        let set = try TaskSet.parse(exampleText, file: "configs/overload.yaml")
        #expect(set.source == "configs/overload.yaml")
        #expect(set.device == "cpu")
        #expect(set.partition == Partition(contexts: 2, streams: 1, oversubscription: 1, express: 1))
        #expect(
            set.models == [
                ModelDeclaration(name: "resnet18", source: .builtin("resnet18"), stages: .fixed(4)),
                ModelDeclaration(name: "segment", source: .file("configs/models/unet.onnx"), stages: .auto),
            ])
        #expect(set.tasks.map(\.name) == ["front", "side-1", "side-2", "side-3"])
        #expect(
            set.tasks[0]
                == TaskDeclaration(name: "front", model: "resnet18", period: .milliseconds(50), priority: .high))
        #expect(
            set.tasks[3]
                == TaskDeclaration(
                    name: "side-3", model: "segment", period: .milliseconds(100), deadline: .milliseconds(80),
                    priority: .low, lateness: .drop))
        #expect(set.tasks.map(\.line) == [7, 8, 8, 8])
        #expect(set.load == 1.5)
        #expect(set.run == RunSettings(duration: .seconds(10 as Int64), seed: 1))
        #expect(set.warnings.isEmpty)
    }

    @Test("what is not given is the paper's algorithm on one lane of the CPU for 10 s")
    func defaults() throws {
        let set = try TaskSet.parse(text(), file: "t.yaml")
        var expected = TaskSet(
            source: "t.yaml",
            models: [ModelDeclaration(name: "net", source: .builtin("resnet18"))],
            tasks: [TaskDeclaration(name: "front", model: "net", period: .milliseconds(50), priority: .high)])
        expected.asksForExpress = false
        #expect(set == expected)
        #expect(set.device == "cpu")
        #expect(set.partition == Partition(contexts: 1, streams: 1, oversubscription: 1))
        #expect(set.models[0].stages == .auto)
        #expect(set.models[0].seed == 1)
        #expect(set.models[0].dimensions.isEmpty)
        let task = set.tasks[0]
        #expect(task.deadline == nil && task.relativeDeadline == .milliseconds(50))
        #expect(task.batch == 1 && task.phase == nil && task.lateness == .run && task.overrun == .skip)
        #expect(task.arrival == .periodic && task.line == 4)
        #expect(set.load == nil && set.staging && set.scheduler == SchedulerOptions())
        #expect(set.run.duration == .seconds(10 as Int64) && set.run.seed == 1)
    }

    @Test("a GPU is a device by its number, and has the kinds of partition of one")
    func gpus() throws {
        #expect(TaskSet.gpuIndex(of: "cuda") == 0 && TaskSet.gpuIndex(of: "cuda:3") == 3)
        for name in ["cpu", "h200", "cuda:", "cuda:-1", "cuda:64", "cuda:1x"] {
            #expect(TaskSet.gpuIndex(of: name) == nil, "\(name)")
        }
        let set = try TaskSet.parse(
            text(
                top:
                    "device: cuda:1\npartition: {kind: green, contexts: 2}\nisolation: process\ngpu: {precision: fp16, layout: nhwc}"
            ),
            file: "t.yaml")
        #expect(set.device == "cuda:1" && set.partitionKind == .green && set.isolation == .process)
        #expect(set.gpu == GPUOptions(precision: .fp16, layout: .nhwc, graphs: true))
        #expect(try TaskSet.parse(text(), file: "t.yaml").isolation == .none)
    }

    @Test(
        "the keys of former versions mean what they meant",
        arguments: [
            ("{tf32: false, nhwc: true}", GPUOptions(precision: .fp32, layout: .nhwc)),
            ("{tf32: true, nhwc: false}", GPUOptions()),
        ])
    func formerGPUKeys(written: String, options: GPUOptions) throws {
        #expect(try TaskSet.parse(text(top: "device: cuda\ngpu: \(written)"), file: "t.yaml").gpu == options)
    }

    @Test(
        "options of a GPU that contradict each other are refused with what would be right",
        arguments: [
            ("{engine: tensorrt, layout: nhwc}", "leave 'layout' out"),
            ("{engine: tensorrt, precision: fp32}", "use tf32 or fp16"),
            ("{precision: fp16, tf32: true}", "leave 'tf32' out"), ("{layout: nchw, nhwc: true}", "leave 'nhwc' out"),
            ("{precision: int8}", "not one of fp16, tf32, fp32"),
        ])
    func gpuConflicts(written: String, remedy: String) throws {
        let error = try #require(throws: ConfigurationError.self) {
            try TaskSet.parse(text(top: "device: cuda\ngpu: \(written)"), file: "t.yaml")
        }
        #expect(error.message.contains(remedy), "\(error.message)")
    }

    @Test("a simulation says that it ignores half precision")
    func simulatedPrecision() throws {
        let set = try TaskSet.parse(text(top: "device: h200\ngpu: {precision: fp16}"), file: "t.yaml")
        #expect(set.warnings.contains { $0.contains("precision fp16 changes nothing in a simulation") })
    }

    @Test("a section without anything under it is as good as none")
    func emptySections() throws {
        let set = try TaskSet.parse(text(top: "partition:\nscheduler: ~\nrun: null"), file: "t.yaml")
        #expect(try set == TaskSet.parse(text(), file: "t.yaml"))
    }

    @Test("every switch of the scheduler reaches its option")
    func scheduler() throws {
        let set = try TaskSet.parse(
            text(
                top: """
                    scheduler:
                      policy: EDF
                      window: 9
                      wcet: true
                      last_stage_level: false
                      late_level: False
                      fixed_priority: false
                      migration: false
                      admission: false
                      staging: false
                    """), file: "t.yaml")
        var options = SchedulerOptions()
        options.policy = .edf
        options.windowSize = 9
        options.worstCaseExecutionTime = true
        options.lastStageLevel = false
        options.lateLevel = false
        options.fixedPriority = false
        options.migration = false
        options.admission = false
        #expect(set.scheduler == options)
        #expect(!set.staging)
    }

    @Test(
        "one switch changes one option",
        arguments: [
            ("wcet: true", \SchedulerOptions.worstCaseExecutionTime), ("last_stage_level: false", \.lastStageLevel),
            ("late_level: false", \.lateLevel), ("fixed_priority: false", \.fixedPriority),
            ("migration: false", \.migration), ("admission: false", \.admission),
        ] as [(String, WritableKeyPath<SchedulerOptions, Bool> & Sendable)])
    func oneSwitch(line: String, option: WritableKeyPath<SchedulerOptions, Bool> & Sendable) throws {
        var expected = SchedulerOptions()
        expected[keyPath: option].toggle()
        #expect(try TaskSet.parse(text(top: "scheduler: {\(line)}"), file: "t.yaml").scheduler == expected)
    }

    @Test("every field of a task reaches its property")
    func task() throws {
        let set = try TaskSet.parse(
            text(
                task: """
                    rate: 0.5 kHz, priority: lp, deadline: 1.5 ms, batch: 8, phase: 0 s, late: drop, \
                    overrun: {queue: 8}
                    """), file: "t.yaml")
        #expect(
            set.tasks == [
                TaskDeclaration(
                    name: "front", model: "net", period: .milliseconds(2), deadline: .microseconds(1500),
                    priority: .low, batch: 8, phase: .zero, lateness: .drop, overrun: .queue(limit: 8))
            ])
    }

    @Test("an overrun queue without a length has the default one; sporadic tasks wait for submissions")
    func shortForms() throws {
        let set = try TaskSet.parse(
            text(task: "period: 1 min, priority: Hp, overrun: queue, arrival: sporadic"), file: "t.yaml")
        #expect(set.tasks[0].overrun == .queue(limit: OverrunRule.defaultQueueLimit))
        #expect(set.tasks[0].arrival == .sporadic())
        #expect(set.tasks[0].period == .seconds(60 as Int64))
    }

    @Test("models keep the order of the file")
    func modelOrder() throws {
        let names = (0..<20).map { "m\(($0 * 7) % 20)" }
        let models = names.map { "  \($0): {builtin: unet}" }.joined(separator: "\n")
        let set = try TaskSet.parse(
            "models:\n\(models)\ntasks: [{name: t, model: m0, rate: 1, priority: low}]", file: "t.yaml")
        #expect(set.models.map(\.name) == names)
    }

    @Test("a model's path is relative to the folder of the file, unless it is absolute")
    func paths() throws {
        func path(_ path: String, in file: String) throws -> ModelDeclaration.Source {
            try TaskSet.parse(text(model: "{file: \(path), dimensions: {height: 256}}"), file: file).models[0].source
        }
        #expect(try path("m.onnx", in: "t.yaml") == .file("m.onnx"))
        #expect(try path("m.onnx", in: "a/b/t.yaml") == .file("a/b/m.onnx"))
        #expect(try path("../m.onnx", in: "/a/t.yaml") == .file("/a/../m.onnx"))
        #expect(try path("/m.onnx", in: "a/t.yaml") == .file("/m.onnx"))
    }

    @Test("block style, quotes, comments, a byte order mark and CRLF are all the same YAML")
    func styles() throws {
        let block = """
            \u{FEFF}models:   # those we have
              "net":
                builtin: 'resnet18'
            tasks:
            - name: front
              model: net
              rate: "20 Hz"   # see *this* & that
              priority: high
            """
        let expected = try TaskSet.parse(text(), file: "t.yaml")
        #expect(try TaskSet.parse(block, file: "t.yaml") == expected)
        #expect(
            try TaskSet.parse(String(block.replacing("\n", with: "\r\n").dropFirst()), file: "t.yaml") == expected)
    }

    @Test("a model nobody uses and a switch nobody heeds are warned about")
    func warnings() throws {
        var set = try TaskSet.parse(exampleText, file: "t.yaml")
        set.tasks.removeFirst()
        #expect(set.warnings == ["t.yaml: models.resnet18: no task uses this model"])
        set = try TaskSet.parse(text(top: "scheduler: {policy: fifo, window: 3, migration: false}"), file: "t.yaml")
        #expect(
            set.warnings == [
                "t.yaml: scheduler: policy 'fifo' ignores last_stage_level, late_level, fixed_priority, migration and "
                    + "admission; only policy 'daris' heeds them"
            ])
        set = try TaskSet.parse(text(top: "scheduler: {policy: fifo, window: 3, wcet: true}"), file: "t.yaml")
        #expect(set.warnings.isEmpty)
    }

    @Test("ten thousand tasks are read")
    func many() throws {
        let set = try TaskSet.parse(text(task: "rate: 1, priority: low, count: 10000"), file: "t.yaml")
        #expect(set.tasks.count == 10_000)
        #expect(set.tasks.last?.name == "front-10000")
    }
}
