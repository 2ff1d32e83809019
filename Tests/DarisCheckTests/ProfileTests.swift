import DarisCore
import DarisSimulator
import Foundation
import Testing

@testable import DarisCheck

@Suite("Profiles of a check")
struct ProfileTests {
    private let card = GPUProfile(
        title: "Card", processors: 64, granularity: 2, memoryMiB: 8_000, peakTFLOPS: 10, bandwidthGBs: 500, networks: []
    )

    private func record(
        _ quota: Int, contexts: Int, neighbours: Int, ms: Double, network: String = "resnet18"
    ) -> NeighbourRecord {
        NeighbourRecord(
            network: network, kind: .green, partition: green(contexts, 1, 1).partition, quota: quota,
            neighbours: neighbours, stageMs: [ms, ms])
    }

    @Test("a profile needs two quotas of a network; until then there is none, with the reason")
    func twoQuotas() throws {
        var builder = ProfileBuilder()
        #expect(throws: CheckProblem.self) { try builder.profile(card: card, batching: []).get() }
        builder.add(record(64, contexts: 1, neighbours: 0, ms: 1), memoryMiB: 100)
        builder.add(record(64, contexts: 1, neighbours: 0, ms: 1), memoryMiB: 90)
        #expect(throws: CheckProblem.self) { try builder.profile(card: card, batching: []).get() }
        builder.add(record(16, contexts: 4, neighbours: 0, ms: 3), memoryMiB: 110)
        builder.add(record(16, contexts: 4, neighbours: 1, ms: 3.1), memoryMiB: 110)
        builder.add(record(16, contexts: 4, neighbours: 3, ms: 3.2), memoryMiB: 110)
        builder.add(record(64, contexts: 1, neighbours: 0, ms: 1, network: "unet"), memoryMiB: 100)
        let profile = try builder.profile(
            card: card,
            batching: [
                BatchingRecord(network: "resnet18", batch: 8, lanes: 1, stages: 4, jps: 500, joules: nil),
                BatchingRecord(network: "resnet18", batch: 8, lanes: 2, stages: 4, jps: 600, joules: nil),
                BatchingRecord(network: "unet", batch: 1, lanes: 1, stages: 4, jps: 50, joules: nil),
            ]
        ).get()
        #expect(profile.networks.map(\.name) == ["resnet18"])
        let network = profile.networks[0]
        #expect(network.memoryMiB == 90)
        #expect(network.alone.map(\.processors) == [16, 64])
        #expect(network.loaded.map(\.contexts) == [4] && network.loaded[0].stageMs == [3.2, 3.2])
        #expect(network.batches == [.init(batch: 8, jps: 600)])
    }

    @Test("daris calibrate takes the file, and finds a network's work again")
    func calibration() throws {
        var builder = ProfileBuilder()
        // 32 SM·ms of work on up to 32 SMs, and 0.2 ms of overhead.
        for (contexts, quota) in [(1, 64), (2, 32), (4, 16), (8, 8)] {
            let ms = (0.2 + 32 / Double(min(32, quota))) / 2
            builder.add(record(quota, contexts: contexts, neighbours: 0, ms: ms), memoryMiB: 100)
            if contexts > 1 {
                builder.add(record(quota, contexts: contexts, neighbours: contexts - 1, ms: ms * 1.1), memoryMiB: 100)
            }
        }
        let folder = try ResultsFolder(path: NSTemporaryDirectory() + "/daris-profile-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(atPath: folder.path) }
        try folder.write(try builder.profile(card: card, batching: []).get())
        let read = try GPUProfile.read(path: folder.path + "/" + ResultsFolder.profile)
        let gpu = ProfileCalibration(read).fit(from: Calibration.firstGuess(), trials: 20)
        #expect(gpu.problem() == nil && gpu.title == "Card" && gpu.isMeasured)
        let cost = try #require(gpu.networks["resnet18"])
        #expect(abs(cost.workSMms - 32) < 2)
    }

    @Test("the first two partitions of the plan give two quotas on any device that can be parted")
    func plan() {
        for isCPU in [false, true] {
            let entries = ProfilePlan.entries(isCPU: isCPU)
            let quotas = entries.prefix(2).map { $0.partition.quota(units: 64, granularity: 2) }
            #expect(Set(quotas).count == 2)
            for entry in entries {
                #expect(entry.neighbours.first == 0 && entry.neighbours.last == entry.partition.lanes - 1)
            }
        }
    }

    @Test("cards are known by a part of their names; others are guessed, and the profile says so")
    func cards() {
        #expect(DataSheet.of("NVIDIA H200")?.bandwidthGBs == 4_800)
        #expect(DataSheet.of("NVIDIA A100-SXM4-80GB")?.bandwidthGBs == 2_039)
        #expect(DataSheet.of("Some Other Card") == nil)
        #expect(GPUProfile.card(context: nil, title: "CPU", megahertz: nil).title == "rehearsal, no GPU: CPU")
    }
}
