import Foundation
import Testing

@Suite("The doctor")
struct SetupTests {
    @Test("doctor shows the machine, and that task sets can be run")
    func doctor() throws {
        let result = try Workplace().daris("doctor")
        #expect(result.exitCode == 0)
        #expect(result.errors.isEmpty)
        for word in ["processor", "cores", "real time", "memory lock", "cache", "ONNX Runtime", "GPU"] {
            #expect(result.output.contains("\n\(word)") || result.output.hasPrefix(word), "\(word)")
        }
    }

    @Test("without ONNX Runtime a message says how to get it")
    func noRuntime() throws {
        let workplace = try Workplace()
        try workplace.write(TestModels.small, to: "net.onnx")
        try FileManager.default.createDirectory(atPath: workplace.path("none"), withIntermediateDirectories: false)
        let environment = ["DARIS_ONNXRUNTIME": workplace.path("none")]
        let result = try workplace.daris("split", "net.onnx", "--stages", "1", environment: environment)
        #expect(result.exitCode == 1)
        #expect(
            result.errorLines == [
                "error: DARIS_ONNXRUNTIME is set to '\(workplace.path("none"))', but that folder has no "
                    + "libonnxruntime.so; set it to libonnxruntime.so or its folder, or unset it and run "
                    + "Scripts/fetch-onnxruntime"
            ])
        let doctor = try workplace.daris("doctor", environment: environment)
        #expect(doctor.exitCode == 1)
        #expect(doctor.output.contains("run Scripts/fetch-onnxruntime"))
    }

    @Test("a cache that cannot be written is one error, with advice")
    func noCache() throws {
        let workplace = try Workplace()
        try workplace.write(TestModels.small, to: "net.onnx")
        let result = try workplace.daris(
            "split", "net.onnx", "--stages", "2", environment: ["XDG_CACHE_HOME": workplace.path("net.onnx")])
        #expect(result.exitCode == 1)
        #expect(result.errorLines.count == 1)
        #expect(result.errorLines.first?.hasSuffix("set XDG_CACHE_HOME to another folder") == true, "\(result.errors)")
    }

    @Test("without a home nothing is kept, a note says so, and nothing is left behind")
    func noHome() throws {
        let workplace = try Workplace()
        try workplace.write(TestModels.small, to: "net.onnx")
        let temporary = workplace.path("temporary")
        try FileManager.default.createDirectory(atPath: temporary, withIntermediateDirectories: false)
        let environment = ["HOME": "", "XDG_CACHE_HOME": "", "TMPDIR": temporary]
        let split = try workplace.daris(
            "split", "net.onnx", "--stages", "2", "--output", "out", environment: environment)
        #expect(split.exitCode == 0, "\(split.errors)")
        let notice =
            "nothing measured or cut is kept for the next start: neither XDG_CACHE_HOME nor HOME names a folder"
        #expect(split.output.contains("note: \(notice)"))
        #expect(try workplace.daris("doctor", environment: environment).output.contains("cache          \(notice)"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: temporary) == [])
    }
}
