import DarisConfiguration
import DarisCore
import Testing

@testable import DarisSimulator

@Suite("Task sets in the simulator")
struct TaskSetSimulationTests {
    private func taskSet(
        device: String = "rtx2080ti", partition: String = "{contexts: 2, streams: 1, oversubscription: 2}",
        task: String = "{name: a, model: m, rate: 30 Hz, priority: high}",
        model: String = "{builtin: resnet18, stages: 4}",
        rest: String = "run: {duration: 500 ms, seed: 1}"
    ) throws -> TaskSet {
        try TaskSet.parse(
            "device: \(device)\npartition: \(partition)\nmodels: {m: \(model)}\ntasks: [\(task)]\n\(rest)\n",
            file: "t.yaml")
    }

    @Test("a simulation says what it simulates")
    func plan() throws {
        let plan = try TaskSetSimulation(try taskSet()).plan
        #expect(plan.simulated && plan.device == "NVIDIA GeForce RTX 2080 Ti" && plan.units == 68)
        #expect(plan.contexts.map(\.quota) == [68, 68] && plan.contexts[0].units.isEmpty)
        #expect(plan.partitionKind == .mps && plan.notes[0].hasPrefix("the device is simulated: fitted to"))
        let prediction = try TaskSetSimulation(try taskSet(device: "a100")).plan
        #expect(prediction.device == "NVIDIA A100 80GB, a prediction")
    }

    @Test("green contexts have SMs of their own, in windows that overlap when oversubscribed")
    func windows() throws {
        let disjoint = try TaskSetSimulation(
            try taskSet(partition: "{kind: green, contexts: 4, streams: 1, oversubscription: 1}")
        ).plan
        let units = disjoint.contexts.map(\.units)
        #expect(units.map(\.count) == [16, 18, 16, 18] && units.flatMap { $0 } == Array(0..<68))
        #expect(disjoint.contexts.map(\.quota) == [16, 18, 16, 18])
        let whole = try TaskSetSimulation(
            try taskSet(partition: "{kind: green, contexts: 4, streams: 1, oversubscription: 4}")
        ).plan
        #expect(whole.contexts.allSatisfy { $0.units == Array(0..<68) })
    }

    @Test("the same seed gives the same record, another seed another one")
    func deterministic() throws {
        func record(_ seed: UInt64) throws -> [UInt8] {
            var set = try taskSet(task: "{name: a, model: m, rate: 90 Hz, priority: low, count: 6}")
            set.run.seed = seed
            let simulation = try TaskSetSimulation(set)
            var encoder = RunRecordEncoder(plan: simulation.plan, configuration: simulation.configuration)
            let result = simulation.run { event, time, commands in
                encoder.append(RecordEntry(time, event))
                for command in commands { encoder.append(RecordEntry(time, command)) }
            }
            encoder.finish(at: result.end)
            return encoder.bytes
        }
        let one = try record(1)
        #expect(try one == record(1) && one != record(2))
        let read = try RunRecord.read(bytes: one)
        #expect(read.replay() == nil && read.entries.count > 500)
    }

    @Test(
        "all kinds of arrivals release jobs",
        arguments: [
            "periodic", "sporadic", "poisson", "{jitter: 5 ms}", "{on: 100 ms, off: 100 ms}",
        ])
    func arrivals(arrival: String) throws {
        let set = try taskSet(task: "{name: a, model: m, rate: 100 Hz, priority: low, arrival: \(arrival)}")
        let result = try TaskSetSimulation(set).run()
        #expect(result.violation == nil && result.summary.lp.released > 5)
        #expect(result.summary.jobs.isBalanced && result.summary.jobs.inFlight == 0)
    }

    @Test("a load scales rates by simulated times, and 'auto' cuts by them")
    func loadAndStages() throws {
        let loaded = try TaskSetSimulation(
            try taskSet(rest: "load: 50 %\nrun: {duration: 500 ms, seed: 1}"))
        #expect(abs(loaded.plan.totalUtilisation - 0.5) < 0.001)
        let auto = try TaskSetSimulation(try taskSet(model: "{builtin: inception_v3, stages: auto}"))
        // About 11 ms alone against a tenth of 33 ms.
        #expect((3...5).contains(auto.configuration.tasks[0].afet.count))
        let uncut = try taskSet(rest: "scheduler: {staging: false}")
        #expect(try TaskSetSimulation(uncut).configuration.tasks[0].afet.count == 1)
    }

    @Test("a task set that cannot be simulated is refused with advice")
    func errors() throws {
        #expect(throws: SimulationError.self) { try TaskSetSimulation(try self.taskSet(device: "cpu")) }
        do {
            _ = try TaskSetSimulation(try taskSet(model: "{file: x.onnx}"))
            Issue.record("a model without a cost was simulated")
        } catch let error as SimulationError {
            #expect(
                error.description.hasPrefix("model 'm' has no known cost on NVIDIA GeForce RTX 2080 Ti; known are "))
        }
    }
}
