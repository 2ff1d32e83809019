import DarisCore
import Foundation
import Testing

@testable import DarisSimulator

/// The check that the built-in `h200` was fitted to.
private let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "results/h200-2026-11-26-2").path

@Suite("Fitting a card with graphs")
struct GraphCalibrationTests {
    private func calibration() throws -> GraphCalibration {
        try GraphCalibration(GPUProfile.read(path: folder + "/profile.json"), MeasuredCheck.read(folder: folder))
    }

    private func middle(_ differences: [GraphCalibration.Difference]) -> Double {
        median(differences.map { abs($0.relativeError) })
    }

    @Test("the built-in H200 makes batches as the card did, also those that it was not fitted to, within 3 %")
    func loops() throws {
        let (calibration, gpu) = (try calibration(), try GPUCatalogue.device("h200"))
        #expect(calibration.loops(on: gpu, fitted: false).count == 24)
        #expect(middle(calibration.loops(on: gpu, fitted: true)) < 0.03)
        #expect(middle(calibration.loops(on: gpu, fitted: false)) < 0.03)
    }

    @Test("its energy of an inference is that of the card within 10 %, at sizes that were not fitted to")
    func energy() throws {
        let (calibration, gpu) = (try calibration(), try GPUCatalogue.device("h200"))
        #expect(calibration.energy(on: gpu, fitted: false).count == 24)
        #expect(middle(calibration.energy(on: gpu, fitted: false)) < 0.1)
        let power = try #require(gpu.power)
        #expect(power.isMeasured && power.idleWatts > 50 && power.idleWatts < 110 && power.busyWatts < 700)
    }

    @Test("the first guess is near, and a short search comes nearer, twice the same")
    func search() throws {
        let calibration = try calibration()
        let first = calibration.loss(of: calibration.firstGuess())
        let (a, b) = (calibration.fit(trials: 6), calibration.fit(trials: 6))
        #expect(first < 0.1)
        #expect(calibration.loss(of: a) <= first)
        #expect(a == b)
    }

    @Test("a folder without a check, and a check without batches, are said to be that")
    func missing() throws {
        #expect(throws: GPUModelError.self) { try MeasuredCheck.read(folder: folder + "/nowhere") }
        var check = try MeasuredCheck.read(folder: folder)
        check.batching.removeAll { $0.network == "unet" }
        let problem = #expect(throws: GPUModelError.self) {
            try GraphCalibration(GPUProfile.read(path: folder + "/profile.json"), check)
        }
        #expect(problem?.description.contains("unet") == true)
    }

    @Test("predictions of other cards scale with their data sheets, and say so")
    func predictions() throws {
        let (h200, a100) = (try GPUCatalogue.device("h200"), try GPUCatalogue.device("a100"))
        #expect(!a100.isMeasured && a100.power?.isMeasured == false)
        let ratio = 66.9 / 19.5
        let (own, scaled) = (h200.graphs!.networks["unet"]!, a100.graphs!.networks["unet"]!)
        #expect(abs(scaled.t1 / own.t1 - ratio) < 1e-9)
        #expect(abs(scaled.t0 / own.t0 - ratio * 108 / 132) < 1e-9)
        #expect(scaled.w1 <= scaled.t1 && scaled.w0 <= scaled.t0)
    }
}
