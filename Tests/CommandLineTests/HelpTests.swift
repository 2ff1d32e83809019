import Testing

@Suite("Help")
struct HelpTests {
    @Test(
        "every command explains itself, with an example or its exit codes",
        arguments: [
            [], ["run"], ["check"], ["profile"], ["split"], ["model"], ["doctor"], ["simulate"], ["plan"], ["ablate"],
            ["reproduce"], ["calibrate"], ["gpu-check"], ["report"], ["trace"], ["worker"],
        ])
    func help(command: [String]) throws {
        let workplace = try Workplace()
        let result = try workplace.daris(command + ["--help"])
        #expect(result.exitCode == 0)
        #expect(result.errors.isEmpty)
        #expect(result.output.contains("USAGE: daris"))
        #expect(["Exit code", "xample", "  daris model "].contains { result.output.contains($0) })
        #expect(try workplace.daris(["help"] + command).output == result.output)
    }

    @Test("the version is three numbers")
    func version() throws {
        let result = try Workplace().daris("--version")
        #expect(result.exitCode == 0)
        #expect(result.output.wholeMatch(of: #/\d+\.\d+\.\d+(-[\w.]+)?\n/#) != nil)
    }

    @Test("without arguments the help is shown")
    func noArguments() throws {
        let workplace = try Workplace()
        let result = try workplace.daris([])
        #expect(result.exitCode == 0)
        #expect(result.output == (try workplace.daris("--help").output))
    }
}
