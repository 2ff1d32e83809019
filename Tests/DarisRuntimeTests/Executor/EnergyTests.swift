import CUDADriver
import DarisCore
import FakeDriver
import Testing

@testable import DarisRuntime

@Suite("The energy of a run", .timeLimit(.minutes(15)))
struct EnergyTests {
    @Test("a run's energy is what the device counted from its start to its end, shared among the inferences")
    func run() async throws {
        let bench = try Bench([Bench.task("a")])
        bench.device.setEnergy(EnergyReading(joules: 1_000, watts: 90))
        let outcome = bench.start()
        for count in 1...4 {
            try bench.submit()
            await bench.device.endLaunch(count)
        }
        bench.device.setEnergy(EnergyReading(joules: 1_010, watts: 95))
        let now = try #require(bench.executor.energy())
        #expect(now.joules == 10 && now.watts == 95 && now.seconds > 0)
        bench.executor.interrupt()
        let energy = try #require(await outcome.value.summary.energy)
        #expect(energy.totalJ == 10 && energy.inferenceJ == 2.5)
        #expect(energy.meanW > 0 && energy.meanW.isFinite)
    }

    @Test("a run without inferences has energy, but none for each")
    func nothing() async throws {
        let bench = try Bench([Bench.task("a")])
        bench.device.setEnergy(EnergyReading(joules: 5))
        let outcome = bench.start()
        bench.device.setEnergy(EnergyReading(joules: 7))
        bench.executor.interrupt()
        let energy = try #require(await outcome.value.summary.energy)
        #expect(energy.totalJ == 2 && energy.inferenceJ == nil)
    }

    @Test("a device that counts no energy, or stops to, has no figures rather than zeros")
    func absent() async throws {
        for last in [nil, EnergyReading(joules: 7)] {
            let bench = try Bench([Bench.task("a")])
            bench.device.setEnergy(last == nil ? EnergyReading(joules: 5) : nil)
            let outcome = bench.start()
            bench.device.setEnergy(last)
            #expect(bench.executor.energy() == nil)
            bench.executor.interrupt()
            #expect(await outcome.value.summary.energy == nil)
        }
    }

    @Test("a GPU's energy is NVML's, and no run holds NVML longer than its device")
    func gpu() async throws {
        let workshop = try Workshop()
        let gpu = try FakeDriver(multiprocessors: 132)
        let model = try await onThread { try workshop.cut(SmallModels.chain, stages: 2) }
        do {
            let bench = try await onThread {
                try GPUBench(
                    workshop, [model], gpu: gpu, meter: EnergyMeter(busID: "0000:01:00.0", path: gpu.path))
            }
            let outcome = try await bench.run { executor in
                try await checkChain(executor)
                gpu.useEnergy(millijoules: 3_000)
            }
            let energy = try #require(outcome.summary.energy)
            #expect(abs(energy.totalJ - 3) < 1e-9)
            #expect(energy.inferenceJ == energy.totalJ / Double(outcome.summary.jobs.completed))
            #expect(bench.device.energy()?.watts == 250.5)
        }
        #expect(await gpu.isClean())
    }
}
