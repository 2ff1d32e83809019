import ArgumentParser
import DarisReport
import DarisSimulator
import Foundation

/// `daris calibrate [PROFILE]`.
struct CalibrateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "calibrate",
        abstract: "Fit a simulated device to measurements.",
        discussion: """
            With a profile (a file of stage times measured on a card by SM quota and under load; docs/gpu-model.md describes \
            it) the result is a device file for that card. Without one, the RTX 2080 Ti is fitted to the figures that the \
            paper's authors published. The built-in device was made so; it takes some minutes.

            The same measurements give the same device.

            Examples:
              daris calibrate profile.json --output my-card.json
              daris calibrate --output rtx2080ti.json --trials 1000
            """)

    @Argument(help: "A profile measured on a card; without one, the published figures.")
    var profile: String?
    @Option(help: ArgumentHelp("The device file to write.", valueName: "file"))
    var output: String
    @Option(help: ArgumentHelp("The number of parameter sets to try.", valueName: "n"))
    var trials = 600
    @Option(
        help: ArgumentHelp(
            "Start from this device or device file instead of a first guess.", valueName: "name"))
    var from: String?

    func validate() throws {
        guard (1...100_000).contains(trials) else {
            throw ValidationError("--trials must be from 1 to 100000, not \(trials)")
        }
        guard output.hasSuffix(".json") else { throw ValidationError("--output: a device file ends in .json") }
    }

    func run() throws {
        let start = try from.map { name throws(Failure) in try GPUCatalogue.named(name) } ?? Calibration.firstGuess()
        func report(_ progress: Calibration.Progress) {
            Terminal.progress(
                "trial \(progress.trial) of \(progress.trials), loss \(Figure.fixed(progress.loss, decimals: 4))")
        }
        var gpu: GPUModel
        if let profile {
            let measured: GPUProfile
            do { measured = try GPUProfile.read(path: profile) } catch { throw Failure.usage(error) }
            let calibration = ProfileCalibration(measured)
            gpu = calibration.fit(from: start, trials: trials, report: report)
            Terminal.endProgress()
            try OutputFolder.write(GPUCatalogue.encoded(gpu), to: output)
            try Terminal.print(
                "\(output): \(gpu.title), mean error of stage times under load "
                    + "\(Figure.percent(calibration.loss(of: gpu))) %")
            return
        }
        gpu = Calibration(rows: PublishedTable.rtx2080ti.rows).fit(from: start, trials: trials, report: report)
        gpu.source = "fitted to published measurements of an RTX 2080 Ti (arXiv 2504.08795)"
        gpu.isMeasured = true
        Terminal.endProgress()
        try OutputFolder.write(GPUCatalogue.encoded(gpu), to: output)
        let rows = Reproduction.all(on: gpu, seeds: 1)
        try Terminal.print(
            ReproductionReport(rows: rows, title: gpu.source).text(styling: Terminal.styling) + "\n\n\(output) written")
    }
}
