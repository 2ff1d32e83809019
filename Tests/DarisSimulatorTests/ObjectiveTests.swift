import DarisCore
import Testing

@testable import DarisSimulator

@Suite("What a plan is chosen by")
struct ObjectiveTests {
    private func figures(_ lanes: Int, jps: Double, joules: Double?, busy: Double, memoryMiB: Double)
        -> CandidateFigures
    {
        var figures = CandidateFigures(
            Candidate(
                kind: .streams, partition: Partition(contexts: 1, streams: lanes, oversubscription: 1)),
            [], memoryMiB: memoryMiB)
        (figures.jps, figures.hpDMR, figures.lpDMR) = (jps, 0, 0)
        (figures.joulesPerInference, figures.busyShare) = (joules, busy)
        return figures
    }

    @Test("throughput, energy and cost each choose their own of the plans that keep the limits")
    func objectives() {
        let plans = [
            figures(1, jps: 700, joules: 0.3, busy: 0.4, memoryMiB: 800),
            figures(2, jps: 900, joules: 0.2, busy: 0.7, memoryMiB: 1600),
            figures(4, jps: 1000, joules: 0.25, busy: 0.9, memoryMiB: 3200),
        ]
        func choice(_ objective: Planner.Objective) -> Int? {
            var planner = Planner(problem())
            planner.objective = objective
            return planner.ranked(plans).first?.candidate.partition.streams
        }
        #expect(choice(.throughput) == 4)
        #expect(choice(.energy) == 2)
        #expect(choice(.cost) == 1)
    }

    @Test("a card's share is that of its work or memory, and the price that of the share")
    func price() {
        let plan = figures(1, jps: 1000, joules: nil, busy: 0.25, memoryMiB: 100)
        let gpu = plainGPU()
        #expect(plan.share(of: gpu) == 0.25)
        // A quarter of 3.60 an hour for 1,000 a second: 0.25 for a million.
        #expect(abs((plan.price(ofMillionOn: gpu, perHour: 3.6) ?? 0) - 0.25) < 1e-9)
    }

    @Test("a simulated plan on a card with power has an energy between idle and full load")
    func energy() throws {
        var gpu = plainGPU()
        gpu.power = GPUModel.PowerModel(idleWatts: 50, busyWatts: 100, isMeasured: false)
        let candidate = Candidate(
            kind: .streams, partition: Partition(contexts: 1, streams: 2, oversubscription: 1))
        let figures = try #require(problem(gpu: gpu).figures(candidate, duration: .seconds(Int64(1)), runs: 1))
        let watts = try #require(figures.joulesPerInference) * figures.jps
        #expect(figures.busyShare > 0 && figures.busyShare < 1)
        #expect(abs(watts - (50 + 100 * figures.busyShare)) < 1)
    }
}
