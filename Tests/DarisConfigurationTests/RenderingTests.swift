import DarisConfiguration
import DarisCore
import Foundation
import Testing

@Suite("Writing a task set")
struct RenderingTests {
    private let folder: TemporaryFolder
    private let trace: ArrivalPattern

    init() throws {
        folder = try TemporaryFolder()
        let path = try folder.write("0.5\n1 s\n1 s\n", to: "ü \"q\" times.txt")
        trace = .trace(path: path, times: [.milliseconds(500), .seconds(1 as Int64), .seconds(1 as Int64)])
    }

    @Test("the example is written as people would write it")
    func example() throws {
        let set = try TaskSet.parse(exampleText, file: "configs/overload.yaml")
        #expect(
            set.rendered() == """
                device: cpu
                partition: {contexts: 2, streams: 1, oversubscription: 1}
                models:
                  resnet18: {builtin: resnet18, stages: 4}
                  segment: {file: models/unet.onnx}
                tasks:
                  - {name: front, model: resnet18, period: 50 ms, priority: high}
                  - {name: side, model: segment, period: 100 ms, deadline: 80 ms, priority: low, late: drop, count: 3}
                load: 150 %
                run: {duration: 10 s, seed: 1}

                """)
    }

    @Test("what is written reads as an equal task set", arguments: 0..<300)
    func roundTrip(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let set = randomTaskSet(using: &generator)
        let text = set.rendered()
        let again = try TaskSet.parse(text, file: set.source)
        #expect(again == set, "\(text)")
        #expect(again.rendered() == text)
    }

    @Test("a model outside the folder of the file is written with its absolute path")
    func outside() throws {
        var set = try TaskSet.parse(exampleText, file: "configs/overload.yaml")
        set.source = "plans/best.yaml"
        let again = try TaskSet.parse(set.rendered(), file: set.source)
        let folder = FileManager.default.currentDirectoryPath
        #expect(again.models[1].source == .file("\(folder)/configs/models/unet.onnx"))
    }

    @Test("arrivals are written as people would write them, a trace as its path from the file's folder")
    func arrivals() throws {
        try folder.write("1 ms", to: "times.txt")
        for written in [
            "{jitter: 5 ms}", "sporadic", "{sporadic: 10 ms}", "poisson", "{on: 200 ms, off: 800 ms}",
            "{trace: times.txt}",
        ] {
            let set = try TaskSet.parse(
                text(task: "rate: 1, priority: low, arrival: \(written)"), file: folder.path + "/t.yaml")
            let isThere = set.rendered().contains("priority: low, arrival: \(written)}")
            #expect(isThere, "\(set.rendered())")
        }
        let periodic = try TaskSet.parse(text(task: "rate: 1, priority: low, arrival: periodic"), file: "t.yaml")
        #expect(!periodic.rendered().contains("arrival"))
    }

    @Test("a task set survives JSON")
    func json() throws {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<20 {
            let set = randomTaskSet(using: &generator)
            let again = try JSONDecoder().decode(TaskSet.self, from: try JSONEncoder().encode(set))
            #expect(again == set)
            #expect(again.tasks.map(\.line) == set.tasks.map(\.line))
        }
    }

    private func randomTaskSet(using generator: inout SeededGenerator) -> TaskSet {
        let source = ["t.yaml", "a/b/t.yaml", "/x/t.yaml", "/t.yaml", "./t.yaml"].randomElement(using: &generator)!
        let folder = source.lastIndex(of: "/").map { source[...$0] } ?? ""
        let contexts = Int.random(in: Limits.contexts, using: &generator)
        let models = (0..<Int.random(in: 1...6, using: &generator)).map { index in
            randomModel(index, folder: String(folder), using: &generator)
        }
        let tasks = (0..<Int.random(in: 1...20, using: &generator)).map { index in
            randomTask(index, model: models.randomElement(using: &generator)!.name, using: &generator)
        }
        var scheduler = SchedulerOptions()
        scheduler.policy = SchedulingPolicy.allCases.randomElement(using: &generator)!
        scheduler.windowSize = Int.random(in: Limits.window, using: &generator)
        scheduler.worstCaseExecutionTime = Bool.random(using: &generator)
        scheduler.lastStageLevel = Bool.random(using: &generator)
        scheduler.lateLevel = Bool.random(using: &generator)
        scheduler.fixedPriority = Bool.random(using: &generator)
        scheduler.migration = Bool.random(using: &generator)
        scheduler.admission = Bool.random(using: &generator)
        scheduler.forgetting = Bool.random(using: &generator)
        scheduler.batching = Bool.random(using: &generator) ? Int.random(in: Limits.batching, using: &generator) : nil
        if scheduler.batching == nil && Bool.random(using: &generator) { scheduler.rules = .all }
        let loads = [nil, 1.5, Double.random(in: 0.01...100, using: &generator), 1.1, 0.07]
        let device = ["cpu", "cuda", "cuda:3", "h200", String(folder) + "cards/mine.json"].randomElement(
            using: &generator)!
        let kinds: [PartitionKind?] = device == "cpu" ? [nil, .cores] : [nil, .mps, .green]
        return TaskSet(
            source: source, device: device,
            partition: Partition(
                contexts: contexts, streams: Int.random(in: Limits.streams, using: &generator),
                oversubscription: Double.random(in: 1...Double(contexts), using: &generator)),
            partitionKind: kinds.randomElement(using: &generator)!,
            isolation: Isolation.allCases.randomElement(using: &generator)!,
            gpu: GPUOptions(
                precision: [.fp16, .tf32].randomElement(using: &generator)!,
                layout: GPUOptions.Layout.allCases.randomElement(using: &generator)!,
                graphs: Bool.random(using: &generator)),
            models: models, tasks: tasks, load: loads.randomElement(using: &generator)!,
            scheduler: scheduler, staging: Bool.random(using: &generator),
            run: RunSettings(
                duration: randomTime(in: Limits.duration, using: &generator),
                seed: UInt64.random(in: 0 ... .max, using: &generator)))
    }

    private func randomModel(
        _ index: Int, folder: String, using generator: inout SeededGenerator
    ) -> ModelDeclaration {
        let names = ["net", "-", "null", "~"[..<"~".startIndex] + "...", "1", "true", "-a", "_", "a.b-c", "NULL"]
        var model = ModelDeclaration(
            name: index == 0 ? String(names.randomElement(using: &generator)!) : "m\(index)", source: .builtin("unet"))
        if Bool.random(using: &generator) {
            model.stages = .fixed(Int.random(in: Limits.stages, using: &generator))
        }
        if Bool.random(using: &generator) {
            model.source = .builtin(ModelDeclaration.builtins.randomElement(using: &generator)!)
            model.seed = UInt64.random(in: 0...5, using: &generator)
        } else {
            let paths = [
                "m.onnx", "../m.onnx", "a b/ü \"q\" \\n.onnx", "# no: comment", "{x}, *y &y", "深/層.onnx", "null", "-",
                "- a", "😀\u{2028}\u{FEFF}\u{A0}", "'", "!x", "%", "@", "`", "true", " a ",
            ]
            model.source = .file(folder + paths.randomElement(using: &generator)!)
            let dimensions = ["height", "batch size", "unk__1", "a: b", "层", "null", "", "\"", "😀"]
            for name in dimensions where !name.isEmpty && Int.random(in: 0..<4, using: &generator) == 0 {
                model.dimensions[name] = Int.random(in: Limits.dimension, using: &generator)
            }
        }
        return model
    }

    private func randomTask(
        _ index: Int, model: String, using generator: inout SeededGenerator
    ) -> TaskDeclaration {
        var task = TaskDeclaration(
            name: "t\(index)", model: model, period: randomTime(in: Limits.period, using: &generator),
            priority: Bool.random(using: &generator) ? .high : .low,
            batch: Int.random(in: Limits.batch, using: &generator),
            lateness: Bool.random(using: &generator) ? .run : .drop, line: index)
        if Bool.random(using: &generator) { task.deadline = randomTime(in: Limits.deadline, using: &generator) }
        if Bool.random(using: &generator) {
            task.overrun = .queue(limit: Int.random(in: Limits.queue, using: &generator))
        }
        let jitter = Limits.jitter.lowerBound...task.period
        task.arrival =
            switch Int.random(in: 0..<7, using: &generator) {
            case 0: .sporadic()
            case 1: .sporadic(meanExtraGap: randomTime(in: Limits.extraGap, using: &generator))
            case 2: .poisson
            case 3: .jitter(randomTime(in: jitter, using: &generator))
            case 4:
                .bursts(
                    on: randomTime(in: Limits.span, using: &generator),
                    off: randomTime(in: Limits.span, using: &generator))
            case 5: trace
            default: .periodic
            }
        switch task.arrival {
        case .periodic, .jitter:
            if Bool.random(using: &generator) { task.phase = randomTime(in: Limits.phase, using: &generator) }
        default: break
        }
        return task
    }

    /// A time in `range`, often a round one.
    private func randomTime(
        in range: ClosedRange<Nanoseconds>, using generator: inout SeededGenerator
    ) -> Nanoseconds {
        let time = Int64.random(in: range.lowerBound.rawValue...range.upperBound.rawValue, using: &generator)
        let unit: Int64 = [1, 1_000, 1_000_000, 1_000_000_000, 60_000_000_000].randomElement(using: &generator)!
        return max(range.lowerBound, Nanoseconds(time / unit * unit))
    }
}
