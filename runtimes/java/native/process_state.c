/*
 * What a JVM cannot do by itself, or not as soon: call a function without method handles. One that waits: change the process's working directory when it becomes a function's, which
 * java.io resolves relative paths against, and its environment, which child processes and native libraries read. One that
 * was started for a function has this as its agent: use the connection that its launcher has opened.
 * Built by `node tools/build-java-native.ts`; linked to no library, so that any C library serves.
 */
#include <fcntl.h>
#include <jvmti.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

const char lambent_sources[] = "lambent-sources:" SOURCES_DIGEST;

/* A copy that ends with a zero byte; NULL when there is no memory. */
static char *copy_of(JNIEnv *jni, jbyteArray bytes) {
  jsize length = (*jni)->GetArrayLength(jni, bytes);
  char *copy = malloc((size_t)length + 1);
  if (copy == NULL) return NULL;
  (*jni)->GetByteArrayRegion(jni, bytes, 0, length, (jbyte *)copy);
  copy[length] = 0;
  return copy;
}

/* Replaces the environment by these "NAME=value" and changes into the directory. False when either is impossible. */
JNIEXPORT jboolean JNICALL Java_lambent_runtime_ProcessState_become(
    JNIEnv *jni, jclass type, jobjectArray variables, jbyteArray directory) {
  (void)type;
  jsize count = (*jni)->GetArrayLength(jni, variables);
  char **block = calloc((size_t)count + 1, sizeof *block);
  if (block == NULL) return JNI_FALSE;
  for (jsize at = 0; at < count; at++) {
    jbyteArray variable = (*jni)->GetObjectArrayElement(jni, variables, at);
    block[at] = copy_of(jni, variable);
    (*jni)->DeleteLocalRef(jni, variable);
    if (block[at] == NULL) return JNI_FALSE;
  }
  char *path = copy_of(jni, directory);
  if (path == NULL) return JNI_FALSE;
  environ = block;
  int failed = chdir(path);
  free(path);
  return failed ? JNI_FALSE : JNI_TRUE;
}

/* AWS: no handler has more; a method with others is called by reflection. */
#define PARAMETERS_MAX 3

static void read_arguments(JNIEnv *jni, jobjectArray arguments, jvalue *values) {
  jsize count = (*jni)->GetArrayLength(jni, arguments);
  for (jsize at = 0; at < count && at < PARAMETERS_MAX; at++) values[at].l = (*jni)->GetObjectArrayElement(jni, arguments, at);
}

/* Called here and below is what FunctionCall has looked over; what that throws is left to be thrown. */
JNIEXPORT jobject JNICALL Java_lambent_runtime_FunctionCall_callObject(
    JNIEnv *jni, jclass caller, jobject method, jclass type, jobject target, jobjectArray arguments) {
  (void)caller;
  jvalue values[PARAMETERS_MAX];
  read_arguments(jni, arguments, values);
  jmethodID id = (*jni)->FromReflectedMethod(jni, method);
  if (target == NULL) return (*jni)->CallStaticObjectMethodA(jni, type, id, values);
  return (*jni)->CallObjectMethodA(jni, target, id, values);
}

JNIEXPORT void JNICALL Java_lambent_runtime_FunctionCall_callVoid(
    JNIEnv *jni, jclass caller, jobject method, jclass type, jobject target, jobjectArray arguments) {
  (void)caller;
  jvalue values[PARAMETERS_MAX];
  read_arguments(jni, arguments, values);
  jmethodID id = (*jni)->FromReflectedMethod(jni, method);
  if (target == NULL) (*jni)->CallStaticVoidMethodA(jni, type, id, values);
  else (*jni)->CallVoidMethodA(jni, target, id, values);
}

JNIEXPORT jobject JNICALL
Java_lambent_runtime_FunctionCall_construct(JNIEnv *jni, jclass caller, jobject constructor, jclass type) {
  (void)caller;
  return (*jni)->NewObjectA(jni, type, (*jni)->FromReflectedMethod(jni, constructor), NULL);
}

/* Where the launcher leaves the connection, see launcher.c. */
#define CONNECTION 3

/* The descriptor as an object of Java's, among the system's properties, until the client takes it from there. */
static void keep_connection(JNIEnv *jni) {
  jclass type = (*jni)->FindClass(jni, "java/io/FileDescriptor");
  jclass system = (*jni)->FindClass(jni, "java/lang/System");
  jclass map = (*jni)->FindClass(jni, "java/util/Properties");
  jstring name = (*jni)->NewStringUTF(jni, "lambent.connection");
  if (type == NULL || system == NULL || map == NULL || name == NULL) return;
  jmethodID make = (*jni)->GetMethodID(jni, type, "<init>", "()V");
  jfieldID number = (*jni)->GetFieldID(jni, type, "fd", "I");
  jmethodID all = (*jni)->GetStaticMethodID(jni, system, "getProperties", "()Ljava/util/Properties;");
  jmethodID put = (*jni)->GetMethodID(jni, map, "put", "(Ljava/lang/Object;Ljava/lang/Object;)Ljava/lang/Object;");
  if (make == NULL || number == NULL || all == NULL || put == NULL) return;
  jobject descriptor = (*jni)->NewObject(jni, type, make);
  jobject properties = (*jni)->CallStaticObjectMethod(jni, system, all);
  if (descriptor == NULL || properties == NULL) return;
  (*jni)->SetIntField(jni, descriptor, number, CONNECTION);
  (*jni)->CallObjectMethod(jni, properties, put, name, descriptor);
}

/* Without a connection the client opens one itself. */
static void JNICALL begun(jvmtiEnv *jvmti, JNIEnv *jni, jthread thread) {
  (void)thread;
  /* No child of the function's is to have it. */
  fcntl(CONNECTION, F_SETFD, FD_CLOEXEC);
  keep_connection(jni);
  (*jni)->ExceptionClear(jni);
  /* From here on the JVM has no agent. */
  (*jvmti)->DisposeEnvironment(jvmti);
}

JNIEXPORT jint JNICALL Agent_OnLoad(JavaVM *vm, char *options, void *reserved) {
  (void)options;
  (void)reserved;
  static const jvmtiEventCallbacks callbacks = {.VMInit = begun};
  jvmtiEnv *jvmti;
  if ((*vm)->GetEnv(vm, (void **)&jvmti, JVMTI_VERSION_1_2) != JNI_OK) return JNI_OK;
  (*jvmti)->SetEventCallbacks(jvmti, &callbacks, sizeof callbacks);
  (*jvmti)->SetEventNotificationMode(jvmti, JVMTI_ENABLE, JVMTI_EVENT_VM_INIT, NULL);
  return JNI_OK;
}
