import Foundation
import Testing

@testable import ONNXRuntime

@Suite("The needs of the CUDA provider")
struct CUDAProviderNeedsTests {
    private func needs(_ content: String?) throws -> CUDAProviderNeeds? {
        let folder = try TemporaryFolder()
        let provider = folder.path + "/libonnxruntime_providers_cuda.so"
        if let content { try Data(content.utf8).write(to: URL(fileURLWithPath: provider)) }
        return CUDAProviderNeeds(path: folder.path + "/libonnxruntime.so")
    }

    @Test("versions are read from the names in its file, whatever else it contains")
    func names() throws {
        let found = try #require(
            try needs(
                "ELF libcudart.so.* was not found\0libcublasLt.so.13\0libcublas.so.13\0libcurand.so.10\0libcudart.so.13\0"
            ))
        #expect(found.majorVersion == 13)
        #expect(
            found.libraries == [
                "libcudart.so.13", "libcublasLt.so.13", "libcublas.so.13", "libcurand.so.10", "libcudnn.so.9",
            ])
        #expect(found.missingLibrary()?.contains("libcudart.so.13") == true)
    }

    @Test("a missing file, or one without the versions, has no needs")
    func unknown() throws {
        #expect(try needs(nil) == nil)
        #expect(try needs("libcudart.so.") == nil)
        #expect(try needs("libcudart.so.x\0") == nil)
    }
}
