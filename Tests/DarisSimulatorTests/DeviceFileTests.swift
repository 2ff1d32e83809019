import DarisConfiguration
import DarisCore
import Foundation
import Testing

@testable import DarisSimulator

@Suite("Device files")
struct DeviceFileTests {
    @Test("every device that task sets can name exists and has sound numbers", arguments: GPUCatalogue.names)
    func builtin(name: String) throws {
        let gpu = try GPUCatalogue.device(name)
        #expect(gpu.problem() == nil)
        #expect(gpu.isMeasured == ["rtx2080ti", "h200"].contains(name))
        #expect(gpu.networkNames == ["inception_v3", "resnet18", "resnet50", "unet"])
    }

    @Test("the reference networks have the names of the configuration")
    func names() { #expect(GPUCatalogue.names == TaskSet.simulatedDevices) }

    @Test("a device that is written and read again is the same")
    func roundTrip() throws {
        let gpu = try GPUCatalogue.device("rtx2080ti")
        #expect(try GPUCatalogue.read(GPUCatalogue.encoded(gpu), file: "x.json") == gpu)
    }

    @Test("predictions scale work by the rate of an SM and bandwidth by the traffic of that work")
    func scaling() throws {
        let base = try GPUCatalogue.device("rtx2080ti")
        let other = GPUCatalogue.Prediction(
            title: "Twice", scaledFrom: "rtx2080ti", processors: 136, granularity: 4, memoryMiB: 1000,
            peakTFLOPS: base.peakTFLOPS * 4, bandwidthGBs: base.bandwidthGBs * 2)
        let gpu = base.scaled(to: other)
        let (old, new) = (base.networks["unet"]!, gpu.networks["unet"]!)
        // Twice the SMs, each twice as fast, with twice the bandwidth: half the bandwidth for each SM's work.
        #expect(abs(new.workSMms - old.workSMms / 2) < 1e-9)
        #expect(abs(new.bandwidthShare - old.bandwidthShare / 2) < 1e-9)
        #expect(new.launchMs == old.launchMs && new.parallelism == old.parallelism)
        #expect(!gpu.isMeasured && gpu.source.contains("predicted"))
    }

    @Test("an invalid device file is refused with its field")
    func errors() throws {
        #expect(
            throws: GPUModelError(
                "there is no simulated device 'gtx'; use rtx2080ti, h200, a100, orin, or a device file (NAME.json)")
        ) { try GPUCatalogue.device("gtx") }
        #expect(throws: GPUModelError("no/such.json: the device file cannot be read; is it there, and a file?")) {
            try GPUCatalogue.device("no/such.json")
        }
        #expect(throws: GPUModelError("d.json: it is not JSON")) {
            try GPUCatalogue.read(Data("{".utf8), file: "d.json")
        }
        var gpu = plainGPU()
        gpu.networks["net"]?.parallelism = 0
        #expect(throws: GPUModelError("d.json: networks.net.parallelism is 0.0; it must be from 0.1 to 4096.0")) {
            try GPUCatalogue.read(GPUCatalogue.encoded(gpu), file: "d.json")
        }
        var text = String(decoding: GPUCatalogue.encoded(plainGPU()), as: UTF8.self)
        text = text.replacing("\"launchMs\"", with: "\"launch\"")
        #expect(
            throws: GPUModelError(
                "d.json: 'networks.net.launchMs' is missing; docs/gpu-model.md describes every field of a device file")
        ) { try GPUCatalogue.read(Data(text.utf8), file: "d.json") }
    }

    @Test(
        "damaged device files give an error or a sound device, never a crash", arguments: 1...80 as ClosedRange<UInt64>)
    func damaged(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var bytes = [UInt8](GPUCatalogue.encoded(plainGPU()))
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<3, using: &random) {
            case 0: bytes[place] = UInt8.random(in: 32...126, using: &random)
            case 1: bytes.remove(at: place)
            default: bytes.insert(UInt8.random(in: 48...57, using: &random), at: place)
            }
        }
        if let gpu = try? GPUCatalogue.read(Data(bytes), file: "d.json") { #expect(gpu.problem() == nil) }
    }

    @Test("a batch keeps more SMs busy up to a limit, and batch 1 as many as measured")
    func batches() {
        let cost = NetworkCost(
            launchMs: 1, workSMms: 10, parallelism: 20, batchedParallelism: 50, bandwidthShare: 1, memoryMiB: 1)
        #expect(abs(cost.parallelism(batch: 1) - 20) < 1e-9)
        let sizes = (1...32).map { cost.parallelism(batch: $0) }
        #expect(zip(sizes, sizes.dropFirst()).allSatisfy { $0 <= $1 })
        #expect(sizes[31] < 50 && sizes[31] > 49)
    }

    @Test("the throughput of batching alone is as published, within 12 %", arguments: PublishedTable.rtx2080ti.batching)
    func batching(row: PublishedTable.BatchingRow) throws {
        let gpu = try GPUCatalogue.device("rtx2080ti")
        let simulated = Batching.throughput(of: gpu.networks[row.network]!, on: gpu, batch: row.batch)
        #expect(abs(simulated - row.jps) / row.jps < 0.12)
    }
}
