import DarisConfiguration
import DarisCore
import DarisONNX
import Foundation
import Testing

@testable import DarisRuntime

@Suite("Preparing a task set", .timeLimit(.minutes(15)))
struct PreparationTests {
    private let workshop: Workshop

    init() throws { workshop = try Workshop() }

    private func task(
        _ name: String, _ priority: Priority = .high, model: String = "chain", period: Nanoseconds,
        deadline: Nanoseconds? = nil, arrival: ArrivalPattern = .periodic
    ) -> TaskDeclaration {
        TaskDeclaration(
            name: name, model: model, period: period, deadline: deadline, priority: priority, arrival: arrival)
    }

    private func taskSet(
        _ tasks: [TaskDeclaration], models: [ModelDeclaration] = [], contexts: Int = 1, streams: Int = 1,
        load: Double? = nil, staging: Bool = true
    ) -> TaskSet {
        TaskSet(
            source: "test", partition: Partition(contexts: contexts, streams: streams, oversubscription: 1),
            models: models, tasks: tasks, load: load, staging: staging,
            run: RunSettings(duration: .milliseconds(50), seed: 3))
    }

    private func prepare(
        _ taskSet: TaskSet, steps: Steps = Steps(), force: Bool = false
    ) async throws -> Preparation {
        var options = Preparation.Options()
        options.cache = CacheFolder(path: workshop.cachePath)
        options.progress = steps.note
        options.force = force
        let chosen = options
        return try await onThread { try Preparation.prepare(taskSet, options: chosen) }
    }

    // MARK: - Rates and loads

    @Test("rates are scaled so that the utilisations add up to the load times the lanes", arguments: [0.3, 1, 1.5, 5])
    func load(load: Double) throws {
        let set = taskSet(
            [
                task("a", period: .milliseconds(10)),
                task("b", .low, period: .milliseconds(30), deadline: .milliseconds(7)),
                task("c", .low, period: .microseconds(777), arrival: .sporadic()),
            ], contexts: 2, streams: 3, load: load)
        let afets: [[Nanoseconds]] = [[.milliseconds(2), .milliseconds(1)], [.microseconds(50)], [.microseconds(300)]]
        let scaled = try Preparation.specifications(set, afets: afets)
        let total = scaled.reduce(0) { $0 + $1.totalAFET.inSeconds / $1.period.inSeconds }
        #expect(abs(total - load * 6) < 1e-3 * load)
        // The rates keep their proportions, given deadlines stay, and the others follow their period.
        #expect(abs(scaled[1].period.inSeconds / scaled[0].period.inSeconds - 3) < 1e-3)
        #expect(scaled.map(\.deadline) == [scaled[0].period, .milliseconds(7), scaled[2].period])
        #expect(scaled.map(\.afet) == afets)
    }

    @Test("without a load the rates stay as they are")
    func noLoad() throws {
        let set = taskSet([task("a", period: .milliseconds(10), deadline: .milliseconds(4))])
        let same = try Preparation.specifications(set, afets: [[.milliseconds(2)]])
        #expect(same[0].period == .milliseconds(10) && same[0].deadline == .milliseconds(4))
    }

    @Test("a load that no period can give is refused, however far it is off")
    func impossibleLoad() {
        let hour = Nanoseconds.seconds(Int64(3_600))
        let many = (0..<1_000).map { task("busy-\($0)", period: .microseconds(10)) } + [task("rare", period: hour)]
        let cases: [(TaskSet, [[Nanoseconds]])] = [
            (taskSet([task("a", period: hour)], load: 100), [[Nanoseconds(1)]]),
            (taskSet(many, load: 0.01), many.map { _ in [.seconds(Int64(10))] }),
            (taskSet([task("a", period: hour)], load: 1), [[.zero]]),
            (taskSet([task("a", period: .zero)], load: 1), [[.milliseconds(1)]]),
        ]
        for (set, afets) in cases {
            #expect(throws: PreparationError.self) { try Preparation.specifications(set, afets: afets) }
        }
    }

    @Test("a jitter that a load makes longer than the period is cut to it, and said so")
    func cutJitter() throws {
        var set = taskSet(
            [
                task("a", period: .milliseconds(10), arrival: .jitter(.milliseconds(8))),
                task("b", period: .milliseconds(10), arrival: .jitter(.milliseconds(5))),
            ], load: 1)
        let scaled = try Preparation.specifications(set, afets: [[.milliseconds(3)], [.milliseconds(3)]])
        #expect(scaled.map(\.period) == [.milliseconds(6), .milliseconds(6)])
        #expect(
            set.notes(on: try SchedulerConfiguration(partition: set.partition, tasks: scaled)) == [
                "task 'a' has a jitter of 8 ms, longer than the period that the load gives it: its releases are "
                    + "spread over that period of 6 ms instead"
            ])
        set.load = nil
        let same = try Preparation.specifications(set, afets: [[.milliseconds(3)], [.milliseconds(3)]])
        #expect(set.notes(on: try SchedulerConfiguration(partition: set.partition, tasks: same)) == [])
    }

    @Test("LP tasks that can never be admitted are named, the copies of a task together")
    func neverFitting() throws {
        var set = try TaskSet.parse(
            """
            partition: {contexts: 2, streams: 1}
            models: {m: {file: m.onnx}}
            tasks:
              - {name: many, model: m, period: 10 ms, priority: low, count: 3}
              - {name: one, model: m, period: 10 ms, priority: low}
              - {name: two, model: m, period: 5 ms, priority: low, instances: 2}
              - {name: first, model: m, period: 1 s, priority: high}
            """, file: "t.yaml")
        let tasks = try Preparation.specifications(
            set, afets: Array(repeating: [.milliseconds(15)], count: set.tasks.count))
        func notes() throws -> [String] {
            set.notes(
                on: try SchedulerConfiguration(partition: set.partition, tasks: tasks, options: set.scheduler))
        }
        let end = "of any context: all jobs will be rejected; lower"
        #expect(
            try notes() == [
                "3 tasks of 'many' each need 1.5 of a lane, more than high-priority tasks leave \(end) their rate",
                "task 'one' needs 1.5 of a lane, more than high-priority tasks leave \(end) its rate",
                "task 'two' needs 3 of a lane, more than high-priority tasks leave \(end) its rate",
            ])
        set.scheduler.batching = 8
        #expect(try notes().allSatisfy { $0.hasSuffix("jobs will be rejected until batches have made them cheaper") })
    }

    // MARK: - What fits

    @Test("high-priority tasks that cannot fit are refused with numbers, and allowed by force")
    func highPriorityDoesNotFit() throws {
        let tasks = [
            TaskSpecification(name: "eye", period: .milliseconds(10), priority: .high, afet: [.milliseconds(8)]),
            TaskSpecification(name: "ear", period: .milliseconds(10), priority: .high, afet: [.milliseconds(7)]),
            TaskSpecification(name: "log", period: .milliseconds(10), priority: .low, afet: [.milliseconds(9)]),
        ]
        let set = taskSet([])
        var notes: [String] = []
        let error = #expect(throws: PreparationError.self) {
            try Preparation.configuration(set, tasks, force: false, notes: &notes)
        }
        let text = error?.description ?? ""
        #expect(text.contains("context 0 (eye, ear) need 1.50 of its 1 lane;") && text.contains("--force"))
        #expect(notes.isEmpty)
        let forced = try Preparation.configuration(set, tasks, force: true, notes: &notes)
        #expect(forced.tasks == tasks)
        #expect(notes.count == 1 && notes[0].hasPrefix("forced: "))

        // Two contexts hold one each.
        notes = []
        _ = try Preparation.configuration(taskSet([], contexts: 2), tasks, force: false, notes: &notes)
        #expect(notes.isEmpty)
    }

    @Test("high-priority tasks at a load of exactly 100 % fit, whatever rounding does to their periods")
    func exactlyFull() throws {
        for count in 1...40 {
            let declared = (0..<count).map { task("t\($0)", period: .microseconds(9_973 + 131 * Int64($0))) }
            let set = taskSet(declared, load: 1)
            let afets = (0..<count).map { [Nanoseconds(31_337 + 7_919 * Int64($0))] }
            var notes: [String] = []
            _ = try Preparation.configuration(
                set, try Preparation.specifications(set, afets: afets), force: false, notes: &notes)
        }
    }

    // MARK: - The whole way

    @Test("a task set is cut, measured, placed and run, and the next time nothing is measured")
    func wholeWay() async throws {
        let chain = try workshop.declare(SmallModels.chain, name: "chain", stages: .fixed(3))
        let set = taskSet(
            [
                task("a", period: .milliseconds(5)), task("b", .low, period: .milliseconds(5)),
                task("c", .low, period: .seconds(Int64(1)), arrival: .sporadic()),
                task(
                    "d", .low, period: .milliseconds(5),
                    arrival: .trace(path: "t", times: [.zero, .milliseconds(10), .milliseconds(11), .milliseconds(50)])),
            ], models: [chain], contexts: 2)
        let steps = Steps()
        let first = try await prepare(set, steps: steps)
        #expect(steps.all.contains("measuring chain under full load"))
        #expect(first.configuration.tasks.allSatisfy { $0.afet.count == 3 && $0.afet.allSatisfy { $0 > .zero } })
        #expect(first.arrivals[2] == .sporadic)
        let outcome = await onThread { first.run() }
        #expect(outcome.summary.jobs.isBalanced && outcome.summary.jobs.inFlight == 0)
        // Fewer only on a machine that comes more than a second late, whose releases are left out.
        #expect((1...23).contains(outcome.summary.jobs.released) && outcome.errors.isEmpty)

        let again = Steps()
        let second = try await prepare(set, steps: again)
        #expect(!again.all.contains { $0.hasPrefix("measuring") || $0.hasPrefix("cutting") })
        #expect(second.configuration == first.configuration && second.arrivals == first.arrivals)
        await onThread { second.device.shutDown() }
    }

    @Test("kept measurements that do not fit the stages are measured anew", arguments: ["[[5]]", "[[1, 2, -3]]", "{}"])
    func damagedMeasurements(text: String) async throws {
        let chain = try workshop.declare(SmallModels.chain, name: "chain", stages: .fixed(3))
        let set = taskSet([task("a", period: .milliseconds(5))], models: [chain])
        let first = try await prepare(set)
        await onThread { first.device.shutDown() }
        let file = try #require(FileManager.default.contentsOfDirectory(atPath: workshop.cachePath + "/afet").first)
        try text.write(toFile: workshop.cachePath + "/afet/" + file, atomically: false, encoding: .utf8)
        let steps = Steps()
        let second = try await prepare(set, steps: steps)
        #expect(steps.all.contains("measuring chain under full load"))
        #expect(second.configuration.tasks[0].afet.count == 3)
        await onThread { second.device.shutDown() }
    }

    @Test("without staging every model is one stage")
    func noStaging() async throws {
        let chain = try workshop.declare(SmallModels.chain, name: "chain", stages: .fixed(3))
        let set = taskSet([task("a", period: .milliseconds(5))], models: [chain], staging: false)
        let prepared = try await prepare(set)
        #expect(prepared.models.map(\.stages.count) == [1])
        #expect(prepared.configuration.tasks[0].afet.count == 1)
        await onThread { prepared.device.shutDown() }
    }

    @Test("no tasks, and a task of a model that is not there, are refused")
    func nothingToRun() async throws {
        let none = taskSet([])
        let error = await #expect(throws: PreparationError.self) { try await prepare(none) }
        #expect(error?.description.contains("no tasks") == true)
        let chain = try workshop.declare(SmallModels.chain, name: "chain")
        let stray = taskSet(
            [task("a", period: .milliseconds(5)), task("b", model: "chian", period: .milliseconds(5))], models: [chain])
        let unknown = await #expect(throws: PreparationError.self) { try await prepare(stray) }
        #expect(unknown?.description == "model 'chian': task 'b' runs it, but there is no such model")
    }

    @Test("a model that fails while it is measured is refused by name")
    func failsWhileMeasured() async throws {
        // Random indices are 0 and 1, so a table of one row fails for some of them.
        let broken = SmallModels.model(
            inputs: [
                TensorDescription(name: "index", elementType: TensorDescription.int64, dimensions: [.fixed(64)])
            ], outputs: [SmallModels.float("y", [.fixed(64)])], weights: [SmallModels.weight("table", [1])],
            [SmallModels.node("Gather", ["table", "index"], ["y"])])
        let declared = try workshop.declare(broken, name: "broken")
        let set = taskSet([task("a", model: "broken", period: .milliseconds(5))], models: [declared])
        let error = await #expect(throws: PreparationError.self) { try await prepare(set) }
        #expect(error?.description.hasPrefix("model 'broken': ") == true)
        #expect(error?.description.contains("idx=1") == true)
    }
}
