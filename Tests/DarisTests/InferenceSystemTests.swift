import Daris
import DirectRun
import Testing

@Suite("A task set in a Swift program", .timeLimit(.minutes(15)))
struct InferenceSystemTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try folder.write("choose.onnx", SmallModel.choose)
        try folder.write("look-up.onnx", SmallModel.lookUp)
        try folder.write("heavy.onnx", SmallModel.heavy)
    }

    /// Tasks of the small models; periods so long that nothing is ever late.
    private static let taskSet = """
        models: {choose: {file: choose.onnx}, look-up: {file: look-up.onnx}}
        tasks:
          - {name: pick, model: choose, period: 1 h, priority: high, arrival: sporadic, overrun: queue}
          - {name: find, model: look-up, period: 30 min, deadline: 20 min, priority: low, arrival: sporadic}
          - {name: hasty, model: choose, period: 1 h, priority: high, arrival: sporadic, late: drop}
          - {name: clock, model: look-up, period: 1 h, priority: high, phase: 1 h}
        """

    private func system(_ taskSet: String = taskSet) async throws -> InferenceSystem {
        try folder.write("tasks.yaml", taskSet)
        return try await InferenceSystem(file: folder.path + "/tasks.yaml", options: folder.options)
    }

    private let inputs = [
        "x": Tensor([0.5, 2] as [Float]), "a": Tensor(["one", "two"]), "b": Tensor(["", "größer"]),
    ]

    private func error(_ body: () async throws -> Void) async -> InferenceError? {
        do { try await body() } catch { return error as? InferenceError }
        return nil
    }

    // MARK: - Outputs

    @Test("numbers and strings go in and come out, by name and in the model's order")
    func outputs() async throws {
        let system = try await system()
        try system.start()
        let named = try await system.infer("pick", inputs)
        #expect(named.keys.sorted() == ["text", "y"])
        #expect(try named["text"]?.values(as: String.self) == ["", "two"])
        #expect(try named["y"]?.values(as: Float.self) == [1.5, 3])
        let ordered = try await system.infer("pick", ["x", "a", "b"].map { inputs[$0]! })
        #expect(ordered == [named["text"]!, named["y"]!])
        #expect(try await system.infer("find", [Tensor([2])])[0] == Tensor([30] as [Float]))
        await system.stop()
    }

    @Test("a built-in network in stages gives what ONNX Runtime makes of it directly")
    func builtin() async throws {
        let system = try await InferenceSystem(
            yaml: """
                models: {resnet18: {builtin: resnet18, stages: 2, seed: 1}}
                tasks: [{name: camera, model: resnet18, period: 1 h, priority: high, arrival: sporadic}]
                """, options: folder.options)
        try system.start()
        let image = (0..<3 * 224 * 224).map { Float($0 % 251) / 251 - 0.5 }
        let scores = try await system.infer("camera", [Tensor(image, shape: [1, 3, 224, 224])])
        #expect(scores.map(\.shape) == [[1, 1000]])
        let (found, direct) = (try scores[0].values(as: Float.self), try DirectRun.resnet18(image))
        #expect(found.count == direct.count)
        #expect(zip(found, direct).allSatisfy { abs($0 - $1) <= 1e-4 * max(1, abs($1)) })
        await system.stop()
    }

    // MARK: - Descriptions

    @Test("a system says of each task what it is and what its model takes and gives")
    func descriptions() async throws {
        let system = try await system()
        #expect(system.tasks.map(\.name) == ["pick", "find", "hasty", "clock"])
        let find = try #require(system.task("find"))
        #expect(find.model == "look-up" && find.priority == .low && find.isSporadic)
        #expect(find.period == .seconds(1800) && find.deadline == .seconds(1200))
        #expect(system.task("clock")?.isSporadic == false && system.task("none") == nil)
        let pick = try #require(system.task("pick")).signature
        #expect(pick.inputs.map(\.description) == ["'x': float32 [2]", "'a': string [2]", "'b': string [2]"])
        #expect(pick.outputs.map(\.description) == ["'text': string [2]", "'y': float32 [2]"])
        await system.stop()
    }

    // MARK: - Jobs without outputs

    @Test("inputs that are not the model's are refused with what it takes and what was given")
    func wrongInputs() async throws {
        let system = try await system()
        try system.start()
        func text(_ inputs: [Tensor]) async -> String? {
            await error { _ = try await system.infer("find", inputs) }?.description
        }
        #expect(await text([]) == "task 'find' takes 1 input ('index': int64 [1]); it was given 0")
        #expect(
            await text([Tensor([1] as [Float])]) == "input 'index' of task 'find' is int64 [1], not float32 [1]")
        #expect(await text([Tensor([1, 2])]) == "input 'index' of task 'find' is int64 [1], not int64 [2]")
        #expect(
            await text([Tensor([1, 2], shape: [1])])
                == "input 'index' of task 'find' is int64 [1], not int64 [1] of 2 elements")
        #expect(
            await text([Tensor(bytes: [1], elementType: .int64, shape: [1])])
                == "input 'index' of task 'find' is int64 [1], not int64 [1], whose bytes break off within an element")
        let few = await error { _ = try await system.infer("pick", ["x": inputs["x"]!, "z": inputs["a"]!]) }
        #expect(
            few?.description
                == "task 'pick' takes 3 inputs ('x': float32 [2], 'a': string [2], 'b': string [2]); it was given 'x', 'z'"
        )
        let many = await error {
            _ = try await system.infer("pick", inputs.merging(["z": Tensor([1])]) { first, _ in first })
        }
        guard case .wrongInputs("pick", let expected, "'a', 'b', 'x', 'z'") = many else {
            Issue.record("\(String(describing: many))")
            return
        }
        #expect(expected.map(\.name) == ["x", "a", "b"])
        #expect(await system.stop().tasks.values.allSatisfy { $0.released == 0 })
    }

    @Test("a name that is no task's, or a task that releases its own jobs, is refused")
    func wrongTask() async throws {
        let system = try await system()
        try system.start()
        #expect(await error { _ = try await system.infer("picks", inputs) } == .unknownTask("picks"))
        #expect(await error { _ = try await system.infer("clock", [Tensor([1])]) } == .periodicTask("clock"))
        await system.stop()
    }

    @Test("a job whose deadline has passed, whose Swift task was cancelled, or that the device fails says so")
    func endings() async throws {
        let system = try await system()
        try system.start()
        #expect(
            await error { _ = try await system.infer("hasty", inputs, deadline: .zero) }
                == .deadlinePassed(task: "hasty"))
        let cancelled = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return await error { _ = try await system.infer("pick", inputs) }
        }
        #expect(await cancelled.value == .cancelled(task: "pick"))
        let failed = await error { _ = try await system.infer("find", [Tensor([7])]) }
        guard case .failed("find", let reason) = failed else {
            Issue.record("\(String(describing: failed))")
            return
        }
        #expect(reason.contains("look up"))
        let summary = await system.stop()
        #expect(summary.high.dropped == 1 && summary.high.missed == 1)
        #expect(summary.low.failed == 1 && summary.failures.map(\.task) == ["find"] && summary.loss == nil)
    }

    @Test("a low-priority job that fits nowhere is refused at once")
    func refused() async throws {
        let system = try await system(
            """
            models: {heavy: {file: heavy.onnx}}
            tasks: [{name: greedy, model: heavy, period: 10 us, deadline: 1 h, priority: low, arrival: sporadic}]
            """)
        try system.start()
        let matrix = Tensor([Float](repeating: 0, count: 512 * 512), shape: [512, 512])
        #expect(
            await error { _ = try await system.infer("greedy", [matrix]) } == .refused(task: "greedy", .noContextFits))
        #expect(await system.stop().low.rejected == 1)
    }

    // MARK: - A run

    @Test("jobs are taken from the start to the end alone, and the figures count them")
    func run() async throws {
        let system = try await system()
        #expect(await error { _ = try await system.infer("pick", inputs) } == .notRunning)
        try system.start()
        try system.start()
        #expect(system.canRun)
        for _ in 0..<3 { _ = try await system.infer("pick", inputs) }
        let snapshot = system.snapshot()
        #expect(snapshot.high.completed == 3 && snapshot.high.inFlight == 0 && snapshot.low.released == 0)
        #expect(snapshot.elapsed > .zero)
        async let other = system.stop()
        let summary = await system.stop()
        #expect(await other == summary)
        #expect(await error { _ = try await system.infer("pick", inputs) } == .notRunning)
        #expect(summary.high.released == 3 && summary.high.completed == 3 && summary.tasks["pick"]?.completed == 3)
        #expect(summary.high.deadlineMissRate == 0 && summary.high.acceptance == 1 && summary.high.throughput > 0)
        let response = summary.high.response
        #expect(response.count == 3 && response.p50 > .zero && response.p50 <= response.p99)
        #expect(response.p99 <= response.max && response.max <= summary.elapsed)
        #expect(summary.low.released == 0 && summary.low.response.max == .zero)
    }

    @Test("a system that was never started can be stopped")
    func neverStarted() async throws {
        let system = try await system()
        #expect(await system.stop().tasks.values.allSatisfy { $0.released == 0 })
        try system.start()
        #expect(await error { _ = try await system.infer("pick", inputs) } == .notRunning)
    }

    // MARK: - Preparing

    @Test("the steps of preparing are told, and end with it")
    func progress() async throws {
        try folder.write("tasks.yaml", Self.taskSet)
        let (steps, continuation) = AsyncStream<String>.makeStream()
        var options = folder.options
        options.progress = continuation
        let system = try await InferenceSystem(file: folder.path + "/tasks.yaml", options: options)
        var told: [String] = []
        for await step in steps { told.append(step) }
        #expect(told.contains("measuring choose under full load"))
        await system.stop()
    }

    private func preparationError(_ yaml: String) async -> PreparationError? {
        do {
            await (try InferenceSystem(yaml: yaml, options: folder.options)).stop()
            return nil
        } catch { return error }
    }

    @Test("what keeps a task set from running can be told apart")
    func preparationErrors() async throws {
        let field = await preparationError(
            "models: {net: {builtin: resnet18}}\ntasks: [{name: a, model: net, priority: high, rate: 3 m}]")
        guard case .taskSet("task set", 2, "tasks[0].rate", let reason) = field else {
            Issue.record("\(String(describing: field))")
            return
        }
        #expect(field?.description == reason && reason.hasPrefix("task set:2:"))
        let tasks = "tasks: [{name: a, model: net, rate: 1 Hz, priority: high}]"
        let missing = await preparationError("models: {net: {file: \(folder.path)/none.onnx}}\n\(tasks)")
        guard case .model("net", let reason) = missing else {
            Issue.record("\(String(describing: missing))")
            return
        }
        #expect(reason.contains("none.onnx"))
        let simulated = await preparationError("device: h200\nmodels: {net: {builtin: resnet18}}\n\(tasks)")
        guard case .device("h200", _) = simulated else {
            Issue.record("\(String(describing: simulated))")
            return
        }
        let file = folder.path + "/none.yaml"
        await #expect(
            throws: PreparationError.taskSet(
                file: file, line: nil, field: "", reason: "\(file): there is no such file; check the path"
            )
        ) { try await InferenceSystem(file: file) }
    }

    @Test("high-priority tasks that do not fit are named, and run only where that is allowed")
    func overload() async throws {
        let taskSet = """
            models: {heavy: {file: \(folder.path)/heavy.onnx}}
            tasks: [{name: greedy, model: heavy, period: 10 us, priority: high, arrival: sporadic}]
            """
        guard case .highPriorityDoesNotFit(["greedy"], _) = await preparationError(taskSet) else {
            Issue.record("it was prepared")
            return
        }
        var options = folder.options
        options.allowsOverload = true
        let system = try await InferenceSystem(yaml: taskSet, options: options)
        #expect(system.notes.contains { $0.hasPrefix("forced: ") })
        await system.stop()
    }
}
